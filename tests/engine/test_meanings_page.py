"""docs/meanings.md shows the tables as they are."""

from __future__ import annotations

from pathlib import Path

from verification.engine.smtp.table import TABLE
from verification.engine.verdict import BY_ATTEMPT

PAGE = Path(__file__).parents[2] / "docs" / "meanings.md"


def test_every_row_is_on_the_page_in_order() -> None:
    lines = PAGE.read_text().splitlines()
    rows = [f"| `{row.meaning}` | `{row.sample}` | {row.source} |" for row in TABLE]
    assert [line for line in lines if line in rows] == rows


def test_every_sign_and_its_verdict_are_on_the_page_in_order() -> None:
    lines = PAGE.read_text().splitlines()
    rows = [
        f"| `{sign}` | `{verdict.result}`/`{verdict.reason}`, blame `{verdict.blame}` |" for sign, verdict in BY_ATTEMPT
    ]
    assert [line for line in lines if line in rows] == rows
