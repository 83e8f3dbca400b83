"""Answers for sandbox keys: the table of scenarios read in process, no socket, nothing remembered."""

from __future__ import annotations

import time
from dataclasses import replace

from verification.engine.lists import is_disposable, is_free, is_role
from verification.engine.mailbox import normalized
from verification.engine.scenarios.table import (
    CLOSED,
    GREYLISTED,
    SCENARIOS,
    SERVER,
    Manner,
    Scenario,
    ServerReply,
    mailbox_reply,
    scenario_of,
)
from verification.engine.syntax import parse
from verification.engine.types import (
    Address,
    Answer,
    Attempt,
    CatchAll,
    CatchAllState,
    Evidence,
    MailHostsOutcome,
    Meaning,
    Stage,
    Trouble,
)
from verification.engine.verdict import judge


def answer(text: str) -> Answer:
    """Answer for a sandbox key: no socket, nothing remembered, the same answer for the same address.

    Below `.test` the table decides, and a name that is not in it does not exist; every other domain answers like
    `ok.test`.  Syntax and the lists are judged as always.
    """
    address = parse(text)
    scenario = _scenario_for(address.ascii_domain)
    disposable = address.fault is None and (scenario.is_disposable or is_disposable(address.ascii_domain))
    evidence = _evidence(address, scenario, disposable)
    return Answer(
        email=address.text,
        user=address.user,
        domain=address.domain,
        verdict=judge(evidence),
        role=is_role(address.user),
        free=is_free(address.ascii_domain),
        disposable=disposable,
        evidence=evidence,
        normalized=normalized(address),
    )


def _scenario_for(ascii_domain: str) -> Scenario:
    missing = "nxdomain" if ascii_domain.endswith(".test") else "ok"
    return scenario_of(ascii_domain) or SCENARIOS[missing]


def _evidence(address: Address, scenario: Scenario, disposable: bool) -> Evidence:
    if address.fault is not None:
        return Evidence(syntax_fault=address.fault, syntax_detail=address.fault_detail)
    if scenario.mail_hosts is not MailHostsOutcome.FOUND:
        return Evidence(mail_hosts=scenario.mail_hosts, mail_hosts_detail="sandbox")
    if scenario.is_killer:
        return Evidence(mail_hosts=scenario.mail_hosts, our_fault="put aside")
    if scenario.is_spam_trap or disposable:
        return Evidence(mail_hosts=scenario.mail_hosts, is_spam_trap=scenario.is_spam_trap, is_disposable=disposable)
    attempts = _attempts(address, scenario)
    state = CatchAllState.NOT_TESTED
    if attempts[-1].meaning is Meaning.ACCEPTED:
        state = CatchAllState.YES if scenario.everybody else CatchAllState.NO
    probed_at = int(time.time()) if state is not CatchAllState.NOT_TESTED else 0
    return Evidence(
        mail_hosts=scenario.mail_hosts,
        mail_hosts_detail="sandbox",
        attempts=attempts,
        catch_all=CatchAll(state, probed_at, attempts[-1].host if probed_at else ""),
    )


def _attempts(address: Address, scenario: Scenario) -> tuple[Attempt, ...]:
    attempts = []
    for host in scenario.hosts:
        name = f"{host.label}.{address.ascii_domain}".lstrip(".")
        if host.address == SERVER:
            attempts.append(_dialogue(address, scenario, name))
            break
        trouble = Trouble.REFUSED if host.address == CLOSED else Trouble.GUARDED
        attempts.append(Attempt(Stage.CONNECT, name, trouble=trouble))
    return tuple(attempts)


def _dialogue(address: Address, scenario: Scenario, host: str) -> Attempt:
    if scenario.resets_at is not None:
        return Attempt(scenario.resets_at, host, trouble=Trouble.RESET)
    if scenario.manner in (Manner.TARPIT, Manner.SILENT, Manner.CHATTY):
        return Attempt(Stage.GREETING, host, trouble=Trouble.TIMEOUT)
    if scenario.greeting is not None:
        return _heard(Stage.GREETING, host, scenario.greeting)
    if address.needs_smtputf8 and not scenario.knows_smtputf8:
        return Attempt(Stage.MAIL, host, meaning=Meaning.NO_SMTPUTF8)
    if scenario.parameter == "s":
        return _heard(Stage.RCPT, host, GREYLISTED)
    reply = scenario.everybody or mailbox_reply(address.user)
    if scenario.manner is Manner.GARBAGE and reply.meaning is not Meaning.ACCEPTED:
        reply = replace(reply, meaning=Meaning.UNCLEAR)  # amid garbage a refusal proves nothing
    return _heard(Stage.RCPT, host, reply)


def _heard(stage: Stage, host: str, reply: ServerReply) -> Attempt:
    return Attempt(stage, host, code=reply.code, enhanced=reply.enhanced, text=reply.text, meaning=reply.meaning)
