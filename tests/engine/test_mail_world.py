"""The engine against the mail world: every row of docs/mail-world.md, all at once on one event loop.

Verdicts are written by hand.  What left the house is read from the mail world's log.
"""

from __future__ import annotations

import asyncio
import csv
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests import fixtures_mail_world
from tests.fixtures_mail_world import MailWorld
from verification.engine import Answer, Engine
from verification.engine.types import Trouble

pytestmark = pytest.mark.xdist_group("mail-world")  # the answers are asked for once

OK = "Ok Success none"
MISSING = "Bad MailboxDoesNotExist address"
FULL = "Bad MailboxFull address"
NO_UTF8 = "Bad ServerDoesNotSupportInternationalMailboxes address"
CATCH_ALL = "Unverifiable ServerIsCatchAll their_policy"
GREY = "Unverifiable GreyListing their_policy"
BLOCKED = "RetryLater TransientNetworkFault our_address"
OUTAGE = "RetryLater TransientNetworkFault their_outage"
POLICY = "Unverifiable None their_policy"
NO_MX = "Bad NoMxServersFound address"
NO_DOMAIN = "Bad DomainIsInexistent address"
DEA = "Unverifiable DomainIsWellKnownDea their_policy"
UNKNOWN = "Unverifiable Unknown unknown"
TRAP = "Bad PossibleSpamTrapDetected address"

HONEST = [
    "ok",
    "bulk",
    "bulk-1",
    "bulk-100000",
    "plain",
    "plain-4",
    "noutf8",
    "starttls",
    "starttls-2",
    "bytewise",
    "slow-50",
    "slow-300-2",
    "errorlimit",
    "deadfirst",
    "deadfirst-7",
    "twentymx",
    "thousandmx",
    "implicit",
    "implicit-3",
    "privatefirst",
]
ALIKE = {
    "catchall": CATCH_ALL,
    "catchall-5": CATCH_ALL,
    "greylist": GREY,
    "greylist-pass-3600": GREY,
    "blocked": BLOCKED,
    "blocked-greeting": BLOCKED,
    "busy": BLOCKED,
    "broken": OUTAGE,
    "policy": POLICY,
    "relay": POLICY,
    "mute": POLICY,
    "reset-connect": OUTAGE,
    "reset-greeting": OUTAGE,
    "reset-ehlo": OUTAGE,
    "reset-mail": OUTAGE,
    "reset-rcpt": OUTAGE,
    "reset-rcpt-2": OUTAGE,
    "webonly": OUTAGE,
    "nullmx": NO_MX,
    "nomx": NO_MX,
    "nxdomain": NO_DOMAIN,
    "nosuchname": NO_DOMAIN,
    "servfail": OUTAGE,
    "mxservfail": OUTAGE,
    "private": NO_MX,
    "loopback": NO_MX,
    "mapped": NO_MX,
    "dea": DEA,
    "trap": TRAP,
}
WAITING = {"tarpit": OUTAGE, "tarpit-3": OUTAGE, "silent": OUTAGE, "chatty": OUTAGE, "dnstimeout": OUTAGE}
OTHERS = {
    "josé@ok.test": OK,
    "josé@starttls.test": OK,
    "josé@noutf8.test": NO_UTF8,
    "josé@plain.test": NO_UTF8,
    "MISSING@ok.test": MISSING,
    '"john doe"@ok.test': OK,
    "anna+tag@OK.TEST": OK,
}
EXPECTED = {
    **{f"anna@{name}.test": OK for name in HONEST},
    **{f"missing.{number}@{name}.test": MISSING for name in HONEST for number in range(4)},
    **{f"full@{name}.test": FULL for name in HONEST},
    **{f"full5@{name}.test": FULL for name in HONEST},
    **{f"{user}@{name}.test": verdict for name, verdict in ALIKE.items() for user in ("anna", "missing", "full")},
    **{f"anna@{name}.test": verdict for name, verdict in WAITING.items()},
    **OTHERS,
}
DEADLINE_SECONDS = 6.0
COMMAND = re.compile(rb"(EHLO|HELO|MAIL FROM:|RCPT TO:|RSET|QUIT|STARTTLS)[ -~]*\r\n")
COMMAND_UTF8 = re.compile(rb"(MAIL FROM:|RCPT TO:)[ -~\x80-\xff]*\r\n")


def shown(answer: Answer) -> str:
    return f"{answer.verdict.result} {answer.verdict.reason} {answer.verdict.blame}"


async def verify(world: MailWorld, emails: Sequence[str], **overrides: object) -> list[Answer]:
    engine = Engine(world.engine_config(**overrides))
    try:
        return await asyncio.gather(*(engine.verify(email, deadline_seconds=DEADLINE_SECONDS) for email in emails))
    finally:
        await engine.aclose()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailWorld]:
    """A mail world whose log holds nothing but what this module's engines said."""
    process, world = fixtures_mail_world.start(tmp_path_factory.mktemp("mail-world") / "log.jsonl")
    yield world
    fixtures_mail_world.stop(process)


@pytest.fixture(scope="module")
def answers(world: MailWorld) -> dict[str, Answer]:
    began = time.monotonic()
    found = asyncio.run(verify(world, list(EXPECTED)))
    assert time.monotonic() - began < DEADLINE_SECONDS + 3
    return dict(zip(EXPECTED, found, strict=True))


@pytest.mark.parametrize("email", EXPECTED)
def test_verdict_and_blame(answers: dict[str, Answer], email: str) -> None:
    answer = answers[email]
    assert (answer.email, shown(answer)) == (email, EXPECTED[email])


def test_garbage_is_never_bad(world: MailWorld) -> None:
    answers = asyncio.run(verify(world, ["anna@garbage.test", "missing@garbage.test", "full@garbage.test"]))
    assert {shown(answer) for answer in answers} <= {OK, UNKNOWN}


def test_greylisting_passes(world: MailWorld) -> None:
    async def twice() -> list[str]:
        engine = Engine(world.engine_config())
        first = await engine.verify("anna@greylist-pass-1-5.test")
        await asyncio.sleep(1.1)
        second = await engine.verify("anna@greylist-pass-1-5.test")
        await engine.aclose()
        return [shown(first), shown(second)]

    assert asyncio.run(twice()) == [GREY, OK]


def test_sample_list(world: MailWorld) -> None:
    path = Path(__file__).parents[1] / "data" / "sample-expected.csv"
    with path.open(newline="", encoding="utf-8") as file:
        expected = [(row["email"], row["result"], row["reason"]) for row in csv.DictReader(file)]
    found = asyncio.run(verify(world, [email for email, _, _ in expected]))
    assert [(answer.email, answer.verdict.result.value, answer.verdict.reason.value) for answer in found] == expected


def test_evidence_tells_the_attempts(answers: dict[str, Answer]) -> None:
    attempts = answers["anna@deadfirst-7.test"].evidence.attempts
    assert [(attempt.host, str(attempt.stage), attempt.code) for attempt in attempts] == [
        ("mx1.deadfirst-7.test", "connect", 0),
        ("mx2.deadfirst-7.test", "rcpt", 250),
    ]
    assert [answers["anna@greylist.test"].evidence.attempts[0].enhanced] == ["4.2.0"]


@pytest.fixture(scope="module")
def heard(world: MailWorld, answers: dict[str, Answer]) -> list[dict[str, Any]]:
    """Give what the servers noted, once all answers were in."""
    assert answers
    return world.heard()


def commands(heard: list[dict[str, Any]]) -> list[bytes]:
    return [event["detail"].encode("latin-1") for event in heard if event["event"] == "command"]


def test_every_line_is_meant(heard: list[dict[str, Any]]) -> None:
    lines = commands(heard)
    strange = [line for line in lines if not COMMAND.fullmatch(line) and not COMMAND_UTF8.fullmatch(line)]
    assert (strange, len(lines) > 200, max(map(len, lines)) <= 512) == ([], True, True)


def test_8_bit_only_after_smtputf8(heard: list[dict[str, Any]]) -> None:
    international: dict[int, bool] = {}
    seen = 0
    for event in heard:
        line = event["detail"]
        if event["event"] == "command" and line.startswith("MAIL FROM:"):
            international[event["connection"]] = " SMTPUTF8" in line
        elif event["event"] == "command" and not line.isascii():
            assert international[event["connection"]], line
            seen += 1
    assert seen > 0


def test_sender_is_never_empty(heard: list[dict[str, Any]]) -> None:
    senders = {line.split(b">")[0] for line in commands(heard) if line.startswith(b"MAIL")}
    assert senders == {b"MAIL FROM:<probe@candour.test"}


def test_a_connection_begins_with_ehlo(heard: list[dict[str, Any]]) -> None:
    first: dict[int, str] = {}
    for event in heard:
        if event["event"] == "command":
            first.setdefault(event["connection"], event["detail"])
    assert set(first.values()) <= {"EHLO probe.candour.test\r\n", "QUIT\r\n"}


def test_only_the_allowed_range_was_reached(answers: dict[str, Answer]) -> None:
    attempts = [attempt for answer in answers.values() for attempt in answer.evidence.attempts]
    reached = {attempt.address for attempt in attempts if attempt.trouble is not Trouble.GUARDED and attempt.address}
    assert {address[:6] for address in reached} == {"127.1."}
    assert len(reached) > 20


def test_connections_at_once_stay_below_the_cap(heard: list[dict[str, Any]]) -> None:
    now, most = Counter[str](), Counter[str]()
    for event in heard:
        if event["event"] == "open":
            now[event["address"]] += 1
            most[event["address"]] = max(most[event["address"]], now[event["address"]])
        elif event["event"] == "close":
            now[event["address"]] -= 1
    assert max(most.values()) <= 5
