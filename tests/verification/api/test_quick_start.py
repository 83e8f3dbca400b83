"""docs/api/quick-start.md as a newcomer uses it: its blocks are run one after the other, against a server at work."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from tests.factories import make_account, make_key
from tests.verification.api.test_live import url
from verification.domain import drain

__all__ = ["url"]  # a fixture

pytestmark = pytest.mark.django_db(transaction=True)

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
GUIDE = Path("docs/api/quick-start.md")
SAID = ("json", "text")
VARIES = {"id", "duration", "next"}  # members whose value is another each time
MARK = "-- next block --"


def blocks(text: str) -> list[tuple[str, str, tuple[str, str] | None]]:
    """Give the examples in their order: the language, the code, and what it says with the kind of that, or None."""
    found: list[tuple[str, str]] = BLOCK.findall(text)
    said = [*found[1:], ("", "")]
    return [
        (*block, after if after[0] in SAID else None)
        for block, after in zip(found, said, strict=True)
        if block[0] not in SAID
    ]


def of_language(language: str) -> list[tuple[str, tuple[str, str] | None]]:
    return [(code, said) for kind, code, said in blocks(GUIDE.read_text(encoding="utf-8")) if kind == language]


@contextmanager
def working_off() -> Iterator[None]:
    """Work on jobs meanwhile, as the queue does."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.1):
            asyncio.run(drain.drain_once())
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)


def run(command: list[str], script: str, environment: dict[str, str]) -> list[str]:
    """Give what each block said."""
    with working_off():
        done = subprocess.run(
            command, input=script, env=environment, capture_output=True, text=True, timeout=40, check=False
        )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split(f"{MARK}\n")[:-1]


def steady(value: Any) -> Any:  # Any: JSON
    """Leave out what is another each time."""
    match value:
        case dict():
            return {name: name if name in VARIES else steady(member) for name, member in value.items()}
        case list():
            return [steady(member) for member in value]
    return value


def assert_said(found: str, said: tuple[str, str] | None) -> None:
    match said:
        case None:
            assert found == ""
        case ("json", expected):
            assert steady(json.loads(found)) == steady(json.loads(expected))
        case (_, expected):
            assert found == expected


@pytest.fixture
def surroundings(url: str, settings: Settings, tmp_path: Path) -> dict[str, str]:
    settings.RUN_DIR = tmp_path
    return {"PATH": os.environ["PATH"], "URL": url, "KEY": make_key(make_account(monthly_quota=100))[1]}


def test_every_block_is_run() -> None:
    assert {language for language, *_ in blocks(GUIDE.read_text(encoding="utf-8"))} == {"sh", "python"}


def test_the_shell_s_examples(surroundings: dict[str, str]) -> None:
    examples = of_language("sh")
    first = (
        examples[0][0].replace("http://127.0.0.1:8000", surroundings["URL"]).replace("evp_live_…", surroundings["KEY"])
    )
    codes = [first, *(code for code, _ in examples[1:])]
    script = "set -e\n" + "".join(f"{code}echo '{MARK}'\n" for code in codes)
    found = run(["sh"], script, {"PATH": surroundings["PATH"]})
    assert len(found) == len(examples) == 4
    for text, (_, said) in zip(found, examples, strict=True):
        assert_said(text, said)


def test_python_s_examples(surroundings: dict[str, str]) -> None:
    examples = of_language("python")
    script = "".join(f"{code}print('{MARK}')\n" for code, _ in examples)
    found = run([sys.executable, "-"], script, surroundings)
    assert len(found) == len(examples) == 3
    for text, (_, said) in zip(found, examples, strict=True):
        assert_said(text, said)
