"""Sandbox answers and the names of the table; verdicts are written by hand from docs/mail-world.md."""

import csv
from pathlib import Path

import pytest

from verification.engine.scenarios import answer, scenario_of
from verification.engine.scenarios.table import mailbox_reply
from verification.engine.strangers import stranger

DATA = Path(__file__).parents[1] / "data"


def expected(name: str) -> list[tuple[str, str, str]]:
    with (DATA / name).open(newline="", encoding="utf-8") as file:
        return [(row["email"], row["result"], row["reason"]) for row in csv.DictReader(file)]


def listed(name: str) -> list[str]:
    with (DATA / name).open(newline="", encoding="utf-8") as file:
        return [row["email"] for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    "row", expected("sample-expected.csv") + expected("sample-syntax-expected.csv"), ids=lambda row: row[0]
)
def test_samples(row: tuple[str, str, str]) -> None:
    found = answer(row[0])
    assert (found.email, found.verdict.result.value, found.verdict.reason.value) == row


@pytest.mark.parametrize("name", ["sample", "sample-syntax"])
def test_samples_and_their_truth_have_the_same_rows(name: str) -> None:
    assert listed(f"{name}.csv") == [row[0] for row in expected(f"{name}-expected.csv")]


def test_sample_has_100_mailboxes() -> None:
    assert len({email.lower() for email in listed("sample.csv")}) == 100


@pytest.mark.parametrize(
    ("email", "verdict"),
    [
        ("anna@greylist-pass-60.test", "Unverifiable GreyListing their_policy"),
        ("anna@tarpit.test", "RetryLater TransientNetworkFault their_outage"),
        ("anna@silent-2.test", "RetryLater TransientNetworkFault their_outage"),
        ("anna@chatty.test", "RetryLater TransientNetworkFault their_outage"),
        ("anna@dnstimeout.test", "RetryLater TransientNetworkFault their_outage"),
        ("anna@blocked.test", "RetryLater TransientNetworkFault our_address"),
        ("anna@busy.test", "RetryLater TransientNetworkFault our_address"),
        ("anna@broken.test", "RetryLater TransientNetworkFault their_outage"),
        ("anna@garbage.test", "Ok Success none"),
        ("missing@garbage.test", "Unverifiable Unknown unknown"),
        ("anna@killer-exit.test", "Unverifiable Unknown our_fault"),
        ("anna@slow-90000.test", "Ok Success none"),
        ("anna@slow.test", "Bad DomainIsInexistent address"),
        ("anna@example.com", "Ok Success none"),
        ("missing@example.com", "Bad MailboxDoesNotExist address"),
        ("full@example.com", "Bad MailboxFull address"),
        ("anna@mailinator.com", "Unverifiable DomainIsWellKnownDea their_policy"),
        ("\udcff\0", "Bad AtSignNotFound address"),
        ("", "Bad AtSignNotFound address"),
    ],
)
def test_sandbox_answers(email: str, verdict: str) -> None:
    found = answer(email).verdict
    assert f"{found.result} {found.reason} {found.blame}" == verdict


def test_lists_are_asked_as_always() -> None:
    found = answer("Info@GMail.com")
    assert (found.user, found.domain, found.role, found.free, found.disposable) == (
        "Info",
        "GMail.com",
        True,
        True,
        False,
    )
    assert (answer("anna@dea.test").disposable, answer("anna@mailinator.com").disposable) == (True, True)


def test_evidence_names_the_hosts_tried() -> None:
    evidence = answer("anna@deadfirst-2.test").evidence
    assert [(attempt.host, str(attempt.stage), attempt.code) for attempt in evidence.attempts] == [
        ("mx1.deadfirst-2.test", "connect", 0),
        ("mx2.deadfirst-2.test", "rcpt", 250),
    ]


@pytest.mark.parametrize(
    ("domain", "name"),
    [
        ("ok.test", "ok"),
        ("ok-7.test", "ok"),
        ("reset-rcpt.test", "reset-rcpt"),
        ("reset-rcpt-12.test", "reset-rcpt"),
        ("greylist-12.test", "greylist"),
        ("greylist-pass-12.test", "greylist-pass"),
        ("greylist-pass-12-3.test", "greylist-pass"),
        ("slow-12.test", "slow"),
        ("slow-12-3.test", "slow"),
        ("bulk-100000.test", "bulk"),
    ],
)
def test_names(domain: str, name: str) -> None:
    found = scenario_of(domain)
    assert found
    assert found.name == name


@pytest.mark.parametrize(
    "domain",
    [
        "",
        *[
            "test",
            ".test",
            "ok",
            "ok.example",
            "ok.test.",
            "OK.test",
            "ok-.test",
            "ok-1-2.test",
            "ok--1.test",
            "ok-x.test",
            "mx.ok.test",
            "slow.test",
        ],
        *["slow-1-2-3.test", "greylist-pass.test", "reset.test", "[127.0.0.1]"],
    ],
)
def test_names_that_are_none(domain: str) -> None:
    assert scenario_of(domain) is None


def test_strangers_are_nobody_anywhere() -> None:
    names = {stranger() for _ in range(1_000)}
    assert len(names) == 1_000
    assert {mailbox_reply(name) for name in names} == {mailbox_reply("missing")}
