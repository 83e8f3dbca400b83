"""The engine against Postfix, Exim and OpenSMTPD, where these can be brought up: see docs/real-servers.md."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import debian
from tests.mailservers import packages, sandbox
from tests.mailservers.inside import ROLES
from tests.mailservers.table import PASSAGES
from verification.engine.types import LEGAL_PAIRS

ROOT = Path(__file__).parents[2]
SECONDS = 60


@pytest.mark.real_servers
def test_every_verdict_is_right_at_real_servers() -> None:
    if refusal := sandbox.refusal():
        pytest.skip(refusal)
    try:
        packages.trees()
    except debian.PackagesMissing as missing:
        pytest.skip(str(missing))
    command = [sys.executable, "-m", "tests.mailservers"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    wrong = [line for line in done.stdout.splitlines() if not line.startswith("ok ")]
    assert done.returncode == 0, "\n".join(wrong) + done.stderr


def test_the_table_names_servers_that_there_are_and_each_of_them() -> None:
    domains = {address.rpartition("@")[2] for passage in PASSAGES for address, _ in passage.expected()}
    assert domains == set(ROLES)


def test_the_table_asks_for_legal_verdicts_once_a_passage() -> None:
    legal = {f"{result} {reason}" for result, reason in LEGAL_PAIRS}
    for passage in PASSAGES:
        rows = list(passage.expected())
        assert len({address for address, _ in rows}) == len(rows)
        assert {verdict.rpartition(" ")[0] for _, verdict in rows} <= legal
