from __future__ import annotations

import logging

import pytest

from portal import logs

LIVE = "evp_live_" + "a" * 38


def line(message: str, *args: object, job_id: str = "") -> str:
    record = logging.LogRecord("portal", logging.INFO, __file__, 1, message, args, None)
    if job_id:
        record.job_id = job_id  # as `extra` does
    logs.ContextFilter().filter(record)
    return logs.OneLineFormatter().format(record)


def test_a_line_names_request_and_job() -> None:
    token = logs.request_id.set("r1")
    assert line("done in %d ms", 3, job_id="j1").endswith(" INFO portal request=r1 job=j1 done in 3 ms")
    logs.request_id.reset(token)
    assert " request=- job=- " in line("done")


def test_many_lines_become_one() -> None:
    assert line("first\nsecond\r\nthird").endswith("first | second | third")


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        (f"key {LIVE} used", "key evp_live_aaaa… used"),
        (f"evp_test_{'b' * 38}", "evp_test_bbbb…"),
        ("GET /api/emh/a/v2?e=a@b.c&k=secret HTTP", "GET /api/emh/a/v2?e=a@b.c&k=… HTTP"),
        ("/api/emh/a/v2?k=secret&e=a@b.c", "/api/emh/a/v2?k=…&e=a@b.c"),
        ("GET /v3/more/json/not-even-a-key/jane@ok.test HTTP", "GET /v3/more/json/… HTTP"),
        (f"GET /customer/reports/v3/quota/{LIVE} HTTP", "GET /customer/reports/v3/quota/… HTTP"),
        ("task=seen", "task=seen"),
    ],
)
def test_keys_are_taken_out(text: str, scrubbed: str) -> None:
    assert logs.scrub(text) == scrubbed


def test_keys_in_arguments_are_taken_out() -> None:
    assert LIVE not in line("refused %s", LIVE)
