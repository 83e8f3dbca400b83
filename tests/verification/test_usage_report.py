from __future__ import annotations

from datetime import date

import pytest

from verification.domain.usage_report import Span, clamp

TODAY = date(2026, 11, 25)


@pytest.mark.parametrize(
    ("first", "last", "span"),
    [
        (None, None, Span(date(2026, 10, 27), TODAY)),
        (date(2026, 11, 1), None, Span(date(2026, 11, 1), TODAY)),
        (date(2026, 11, 1), date(2026, 11, 2), Span(date(2026, 11, 1), date(2026, 11, 2))),
        (None, date(2026, 11, 2), Span(date(2026, 10, 4), date(2026, 11, 2))),
        (date(2020, 1, 1), None, Span(date(2025, 11, 25), TODAY)),
        (None, date(2030, 1, 1), Span(date(2026, 10, 27), TODAY)),
        (date(2026, 11, 9), date(2026, 11, 2), Span(date(2026, 11, 2), date(2026, 11, 2))),
        (date(2030, 1, 1), None, Span(TODAY, TODAY)),
        (None, date(1, 1, 1), Span(date(1, 1, 1), date(1, 1, 1))),
        (date(1, 1, 1), date(9999, 12, 31), Span(date(2025, 11, 25), TODAY)),
    ],
)
def test_the_days_of_a_report(first: date | None, last: date | None, span: Span) -> None:
    assert clamp(first, last, today=TODAY) == span
