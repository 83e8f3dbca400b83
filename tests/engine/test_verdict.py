"""From evidence to verdict, and evidence through JSON."""

from __future__ import annotations

import json

import pytest

from verification.engine.types import (
    LEGAL_PAIRS,
    Attempt,
    CatchAll,
    CatchAllState,
    Evidence,
    MailHostsOutcome,
    Meaning,
    Stage,
    SyntaxFault,
    Trouble,
)
from verification.engine.verdict import BY_ATTEMPT, judge

FOUND = MailHostsOutcome.FOUND


def attempts(*signs: Meaning | Trouble) -> tuple[Attempt, ...]:
    return tuple(
        Attempt(Stage.RCPT, trouble=sign) if isinstance(sign, Trouble) else Attempt(Stage.RCPT, meaning=sign)
        for sign in signs
    )


def tried(*signs: Meaning | Trouble, catch_all: CatchAllState = CatchAllState.NOT_TESTED) -> Evidence:
    return Evidence(mail_hosts=FOUND, attempts=attempts(*signs), catch_all=CatchAll(catch_all, 1_700_000_000, "mx"))


CASES = [
    (Evidence(syntax_fault=SyntaxFault.NO_AT_SIGN), "Bad AtSignNotFound address"),
    (Evidence(syntax_fault=SyntaxFault.TOO_MANY_AT_SIGNS), "Bad TooManyAtSignsFound address"),
    (Evidence(syntax_fault=SyntaxFault.BAD_LOCAL_PART), "Bad MailboxDoesNotExist address"),
    (Evidence(syntax_fault=SyntaxFault.BAD_DOMAIN), "Bad DomainIsInexistent address"),
    (Evidence(mail_hosts=MailHostsOutcome.NXDOMAIN), "Bad DomainIsInexistent address"),
    (Evidence(mail_hosts=MailHostsOutcome.NULL_MX), "Bad NoMxServersFound address"),
    (Evidence(mail_hosts=MailHostsOutcome.NO_HOSTS), "Bad NoMxServersFound address"),
    (Evidence(mail_hosts=MailHostsOutcome.NO_USABLE_ADDRESS), "Bad NoMxServersFound address"),
    (Evidence(mail_hosts=MailHostsOutcome.FAILED), "RetryLater TransientNetworkFault their_outage"),
    (Evidence(mail_hosts=MailHostsOutcome.RESOLVER_SILENT), "RetryLater TransientNetworkFault our_network"),
    (Evidence(mail_hosts=FOUND, is_spam_trap=True), "Bad PossibleSpamTrapDetected address"),
    (Evidence(mail_hosts=FOUND, is_disposable=True), "Unverifiable DomainIsWellKnownDea their_policy"),
    (Evidence(mail_hosts=FOUND, not_probed="dns_only"), "Unverifiable Unknown our_network"),
    (Evidence(mail_hosts=FOUND, not_probed="do_not_probe"), "Unverifiable None their_policy"),
    (Evidence(mail_hosts=FOUND, not_probed="mailbox_probe_off"), "Unverifiable Unknown unknown"),
    (Evidence(our_fault="ValueError"), "Unverifiable Unknown our_fault"),
    (Evidence(mail_hosts=FOUND), "Unverifiable Unknown unknown"),
    # the order of the stages
    (Evidence(mail_hosts=MailHostsOutcome.NXDOMAIN, is_spam_trap=True), "Bad DomainIsInexistent address"),
    (Evidence(mail_hosts=MailHostsOutcome.FAILED, is_spam_trap=True), "Bad PossibleSpamTrapDetected address"),
    (Evidence(mail_hosts=FOUND, is_spam_trap=True, is_disposable=True), "Bad PossibleSpamTrapDetected address"),
    (Evidence(mail_hosts=MailHostsOutcome.NULL_MX, our_fault="ValueError"), "Unverifiable Unknown our_fault"),
    # what servers said
    (tried(Meaning.ACCEPTED), "Ok Success none"),
    (tried(Meaning.NO_MAILBOX), "Bad MailboxDoesNotExist address"),
    (tried(Meaning.MAILBOX_FULL), "Bad MailboxFull address"),
    (tried(Meaning.NO_SMTPUTF8), "Bad ServerDoesNotSupportInternationalMailboxes address"),
    (tried(Meaning.GREYLISTED), "Unverifiable GreyListing their_policy"),
    (tried(Meaning.WE_ARE_REFUSED), "RetryLater TransientNetworkFault our_address"),
    (tried(Meaning.SERVER_BROKEN), "RetryLater TransientNetworkFault their_outage"),
    (tried(Meaning.POLICY), "Unverifiable None their_policy"),
    (tried(Meaning.UNCLEAR), "Unverifiable Unknown unknown"),
    (tried(Trouble.TIMEOUT), "RetryLater TransientNetworkFault their_outage"),
    (tried(Trouble.RESET), "RetryLater TransientNetworkFault their_outage"),
    (tried(Trouble.REFUSED), "RetryLater TransientNetworkFault their_outage"),
    (tried(Trouble.TLS), "RetryLater TransientNetworkFault their_outage"),
    (tried(Trouble.ENDLESS), "RetryLater TransientNetworkFault their_outage"),
    (tried(Trouble.NO_ROUTE), "RetryLater TransientNetworkFault our_network"),
    (tried(Trouble.DEADLINE), "RetryLater TransientNetworkFault our_deadline"),
    (tried(Trouble.BACKOFF), "RetryLater TransientNetworkFault our_address"),
    (tried(Trouble.GARBAGE), "Unverifiable Unknown unknown"),
    (tried(Trouble.GUARDED), "Unverifiable Unknown unknown"),
    # several hosts
    (tried(Trouble.REFUSED, Meaning.ACCEPTED), "Ok Success none"),
    (tried(Trouble.TIMEOUT, Meaning.NO_MAILBOX), "Bad MailboxDoesNotExist address"),
    (tried(Meaning.GREYLISTED, Trouble.REFUSED), "Unverifiable GreyListing their_policy"),
    (tried(Meaning.WE_ARE_REFUSED, Meaning.POLICY), "RetryLater TransientNetworkFault our_address"),
    (tried(Meaning.POLICY, Trouble.TIMEOUT), "Unverifiable None their_policy"),
    (tried(Trouble.NO_ROUTE, Trouble.REFUSED), "RetryLater TransientNetworkFault their_outage"),
    # catch-all
    (tried(Meaning.ACCEPTED, catch_all=CatchAllState.YES), "Unverifiable ServerIsCatchAll their_policy"),
    (tried(Meaning.ACCEPTED, catch_all=CatchAllState.NO), "Ok Success none"),
    (tried(Meaning.ACCEPTED, catch_all=CatchAllState.INCONCLUSIVE), "Ok Success none"),
    (tried(Meaning.NO_MAILBOX, catch_all=CatchAllState.YES), "Bad MailboxDoesNotExist address"),
    (tried(Trouble.RESET, catch_all=CatchAllState.YES), "RetryLater TransientNetworkFault their_outage"),
]


@pytest.mark.parametrize(("evidence", "expected"), CASES)
def test_verdict(evidence: Evidence, expected: str) -> None:
    verdict = judge(evidence)
    assert f"{verdict.result} {verdict.reason} {verdict.blame}" == expected


@pytest.mark.parametrize("evidence", [evidence for evidence, _ in CASES])
def test_evidence_survives_json_and_gives_the_same_verdict(evidence: Evidence) -> None:
    again = Evidence.from_dict(json.loads(json.dumps(evidence.as_dict())))
    assert again == evidence
    assert judge(again) == judge(evidence)


def test_every_verdict_is_a_legal_pair() -> None:
    assert {(judge(evidence).result, judge(evidence).reason) for evidence, _ in CASES} == LEGAL_PAIRS


def test_every_sign_has_its_verdict_once() -> None:
    signs = [sign for sign, _ in BY_ATTEMPT]
    silent = {Trouble.NONE, Trouble.GARBAGE, Trouble.GUARDED, Meaning.UNCLEAR}
    assert sorted(signs) == sorted({*Meaning, *Trouble} - silent)


def test_evidence_in_plain_json_types() -> None:
    evidence = Evidence(
        mail_hosts=FOUND,
        mail_hosts_detail="MX 10 mx.b.test",
        catch_all=CatchAll(CatchAllState.NO, 1_700_000_000, "mx.b.test"),
        attempts=(Attempt(Stage.RCPT, "mx.b.test", "192.0.2.1", "192.0.2.9", 250, "2.1.5", "Ok", milliseconds=7),),
    )
    assert evidence.as_dict() == {
        "mail_hosts": "found",
        "mail_hosts_detail": "MX 10 mx.b.test",
        "catch_all": {"state": "no", "probed_at": 1_700_000_000, "host": "mx.b.test"},
        "attempts": [
            {
                "stage": "rcpt",
                "host": "mx.b.test",
                "address": "192.0.2.1",
                "source": "192.0.2.9",
                "code": 250,
                "enhanced": "2.1.5",
                "text": "Ok",
                "meaning": "unclear",
                "milliseconds": 7,
            }
        ],
    }
    assert Evidence().as_dict() == {}
