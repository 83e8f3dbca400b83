"""No packet goes inside, whatever a zone says, while those who may be asked are asked in the same run."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from ipaddress import ip_network

import pytest

from tests.engine.hostile.guarded import Reached, verify
from tests.engine.hostile.targets import targets
from tests.engine.hostile.world import NO_HOSTS, OK
from tests.engine.test_network import OUTSIDE

LOOPBACKS = [f"127.9.8.{number}" for number in range(1, 26)]
AT_LEAST_INSIDE, AT_LEAST_ALLOWED = 200, 20


def check(found: Reached, outside: list[str]) -> None:
    them = targets(outside)
    assert found.inside == {NO_HOSTS: len(them.inside)}
    assert found.allowed == {OK: len(them.allowed)}
    assert found.rebound == [OK, NO_HOSTS]
    assert found.addresses == sorted(them.reached)
    assert len(them.inside) >= AT_LEAST_INSIDE
    assert len(them.reached) >= AT_LEAST_ALLOWED


def test_on_the_loopback_only_the_opened_range_is_reached() -> None:
    """A listener on all addresses of this machine proves it for 127.0.0.0/8, ::1 and their other forms."""
    work = verify(targets(LOOPBACKS), (ip_network("127.9.8.0/24"),))
    check(asyncio.run(asyncio.wait_for(work, 30)), LOOPBACKS)


def _refusal() -> str:
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"):
        return "a network of its own needs root on Linux, unshare and ip"
    probe = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
    return "" if probe.returncode == 0 else "no network namespaces here"


@pytest.mark.skipif(bool(_refusal()), reason=_refusal() or "none")
def test_where_every_address_answers_only_outside_ones_are_reached() -> None:
    """In a network where all addresses are local nothing is opened: this is the guard as in production."""
    command = ["unshare", "--net", sys.executable, "-W", "error", "-m", "tests.engine.hostile.guarded"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False, text=True)
    assert done.stderr == ""
    found = Reached(**json.loads(done.stdout))
    check(found, OUTSIDE)
    assert found.opened == found.connections
