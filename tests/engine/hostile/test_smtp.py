"""Mail servers of every ill manner: the exact verdict of each, and honest ones beside them that are not disturbed."""

from __future__ import annotations

import gc
import re
import tracemalloc

import pytest

from tests.engine.hostile.smtp_cases import HONEST, HONEST_CASES, all_cases
from tests.engine.hostile.smtp_server import GREETING, flood, plays
from tests.engine.hostile.world import DEADLINE_SECONDS, LATER, Case, Run, play

pytestmark = pytest.mark.xdist_group("hostile-smtp")  # the run is made once

PROMISED = re.compile(rb"(EHLO|HELO|MAIL FROM:|RCPT TO:|RSET|QUIT|STARTTLS)[ -~]*\r\n")
SENT_AT_MOST = 8 * 2**20  # what a server got rid of: 256 kB that we read, and the buffers of the kernel and its own
MOST_CONNECTIONS = 6
FLOOD_MEMORY = 512 * 1024  # for both ends of a connection


@pytest.fixture(scope="module")
def run() -> Run:
    return play(all_cases())


def test_each_has_its_exact_verdict(run: Run) -> None:
    expected = {name: case.expected for name, case in all_cases().items()}
    wrong = {name: (run.verdicts[name], right) for name, right in expected.items() if run.verdicts[name] != right}
    assert wrong == {}
    assert len(expected) > 250


def test_honest_servers_beside_them_heard_what_they_should(run: Run) -> None:
    """One connection each: without them the verdicts above could come from an engine that reaches nobody."""
    heard = {name: [hide_random(line) for lines in run.commands[name] for line in lines] for name in HONEST_CASES}
    assert heard == {name: honest_dialogue(run, name) for name in HONEST_CASES}


def honest_dialogue(run: Run, name: str) -> list[bytes]:
    [domain] = {answer.domain.encode() for answer in run.answers[name]}
    recipients = [b"RCPT TO:<%s@%s>\r\n" % (user.encode(), domain) for user in (*HONEST, "random")]
    return [b"EHLO probe.example.org\r\n", b"MAIL FROM:<probe@example.org>\r\n", *recipients, b"QUIT\r\n"]


def hide_random(line: bytes) -> bytes:
    return re.sub(rb"<missingham\.[a-z]{8}\d{4}@", b"<random@", line)


def test_no_line_leaves_that_was_not_meant(run: Run) -> None:
    lines = [line for name in run.commands for lines in run.commands[name] for line in lines]
    assert [line for line in lines if len(line) > 512 or not PROMISED.fullmatch(line)] == []
    assert len(lines) > 1_000


def test_each_took_bounded_time(run: Run) -> None:
    assert {name: took for name, took in run.seconds.items() if took > DEADLINE_SECONDS + 1} == {}


def test_nobody_was_listened_to_without_end(run: Run) -> None:
    assert {name: sent for name, sent in run.sent.items() if sent > SENT_AT_MOST} == {}


def test_nobody_was_knocked_at_without_end(run: Run) -> None:
    counts = {name: len(connections) for name, connections in run.commands.items()}
    assert {name: count for name, count in counts.items() if not 1 <= count <= MOST_CONNECTIONS} == {}


def test_attempts_are_kept_short_and_printable(run: Run) -> None:
    attempts = [
        attempt for answers in run.answers.values() for answer in answers for attempt in answer.evidence.attempts
    ]
    assert [attempt for attempt in attempts if len(attempt.text) > 300 or not attempt.text.isprintable()] == []
    assert len(attempts) > 300


def test_a_flood_takes_little_memory() -> None:
    floods = {str(number): Case.of(plays({GREETING: flood(b"220-", b"x" * 8192)}), LATER) for number in range(50)}
    gc.collect()
    tracemalloc.start()
    run = play(floods)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert set(run.verdicts.values()) == {(LATER,)}
    assert peak < 50 * FLOOD_MEMORY
