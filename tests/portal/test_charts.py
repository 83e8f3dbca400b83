from __future__ import annotations

import pytest

from portal.charts import Column, Part, length, rounded_up, stack


def test_a_column_is_its_kinds_on_top_of_each_other() -> None:
    drawn = stack(["1 May", "2 May"], {"a": [5, 0], "b": [3, 0]}, {"a": "good", "b": "bad"})
    assert (drawn.top, drawn.width, drawn.height) == (10, 20, 1_000)
    assert drawn.columns == [
        Column(0, "1 May: 5 good, 3 bad", [Part("a", 500, 500), Part("b", 200, 300)]),
        Column(10, "2 May: none", []),
    ]


def test_nothing_at_all_is_drawn_flat() -> None:
    drawn = stack([], {"a": []}, {"a": "good"})
    assert (drawn.top, drawn.columns) == (10, [])


def test_parts_leave_no_gap_and_never_leave_the_chart() -> None:
    counts = {"a": [333_333_333_333], "b": [1], "c": [166_666_666_666]}  # of 500 milliards
    parts = stack(["x"], counts, dict.fromkeys("abc", "")).columns[0].parts
    assert parts == [Part("a", 334, 666), Part("c", 0, 334)]


@pytest.mark.parametrize(
    ("number", "top"),
    [(0, 10), (10, 10), (11, 15), (20, 20), (21, 30), (81, 100), (101, 150), (10**12 + 1, 15 * 10**11)],
)
def test_the_scale_ends_at_a_round_number(number: int, top: int) -> None:
    assert rounded_up(number) == top


@pytest.mark.parametrize(
    ("part", "whole", "long"), [(0, 0, 0), (0, 9, 0), (1, 1_000_000, 5), (1, 2, 500), (3, 2, 1_000), (-1, 2, 0)]
)
def test_bars(part: int, whole: int, long: int) -> None:
    assert length(part, whole) == long
