"""One run of the engine against many domains at once, each with a mail server that plays its own script."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network

from tests.engine.fake_dns import FakeDns, records
from tests.engine.hostile.smtp_server import Script, Servers, servers
from verification.engine import Answer, Engine, EngineConfig
from verification.engine.smtp.client import Patience

AT_ONCE = 64  # cases; both ends share one process, which on a busy machine must keep up with its own servers
FASTER = 10  # than in earnest: all times are divided by this
DEADLINE_SECONDS = 75 / FASTER
PATIENCE = Patience(
    connect=1.5, greeting=40 / FASTER, reply=45 / FASTER, handshake=20 / FASTER, quit=2 / FASTER, settle=0.3 / FASTER
)

OK = "Ok Success none"
MISSING = "Bad MailboxDoesNotExist address"
FULL = "Bad MailboxFull address"
NO_HOSTS = "Bad NoMxServersFound address"
NO_DOMAIN = "Bad DomainIsInexistent address"
LATER = "RetryLater TransientNetworkFault their_outage"
OUR_ADDRESS = "RetryLater TransientNetworkFault our_address"
POLICY = "Unverifiable None their_policy"
CATCH_ALL = "Unverifiable ServerIsCatchAll their_policy"
UNKNOWN = "Unverifiable Unknown unknown"


@dataclass(frozen=True)
class Case:
    """A server's manner, who is asked for there, and the verdicts in the same order."""

    script: Script
    expected: tuple[str, ...]
    users: tuple[str, ...] = ("jane",)

    @classmethod
    def of(cls, script: Script, expected: str, *more: str, users: Sequence[str] = ("jane",)) -> Case:
        return cls(script, (expected, *more), tuple(users))


@dataclass
class Run:
    """What came of it, by name of the case."""

    verdicts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    commands: dict[str, list[list[bytes]]] = field(default_factory=dict)  # a list for each connection
    sent: dict[str, int] = field(default_factory=dict)  # bytes, at most on one connection
    questions: int = 0


def verdict(answer: Answer) -> str:
    return f"{answer.verdict.result} {answer.verdict.reason} {answer.verdict.blame}"


def domain_of(number: int) -> str:
    return f"case-{number}.test"


def address_of(number: int) -> str:
    return f"127.9.{number // 250}.{number % 250 + 1}"


def play(cases: dict[str, Case], *, deadline_seconds: float = DEADLINE_SECONDS) -> Run:
    """Ask for everybody in one run."""
    return asyncio.run(asyncio.wait_for(_play(cases, deadline_seconds), 120))


async def _play(cases: dict[str, Case], deadline_seconds: float) -> Run:
    run = Run()
    zone = {}
    async with servers() as mail, FakeDns() as dns:
        for number, case in enumerate(cases.values()):
            mail.scripts[address_of(number)] = case.script
            zone[domain_of(number), "MX"] = records("MX", f"10 mx.{domain_of(number)}.")
            zone[f"mx.{domain_of(number)}", "A"] = records("A", address_of(number))
        dns.zone.update(zone)
        engine = Engine(config(dns, mail), patience=PATIENCE)
        slots = asyncio.Semaphore(AT_ONCE)
        try:
            await asyncio.gather(
                *(
                    _ask(slots, engine, run, name, number, case, deadline_seconds)
                    for number, (name, case) in _numbered(cases)
                )
            )
            await asyncio.sleep(0.3)  # the last goodbyes
        finally:
            await engine.aclose()
        run.questions = len(dns.questions)
        for number, (name, _) in _numbered(cases):
            peers = mail.at(address_of(number))
            run.commands[name] = [peer.lines for peer in peers]
            run.sent[name] = max((peer.sent for peer in peers), default=0)
    return run


def _numbered(cases: dict[str, Case]) -> list[tuple[int, tuple[str, Case]]]:
    return list(enumerate(cases.items()))


def config(dns: FakeDns, mail: Servers) -> EngineConfig:
    return EngineConfig(
        resolvers=(dns.address,),
        smtp_port=mail.port,
        helo_name="probe.example.org",
        mail_from="probe@example.org",
        allowed_networks=(ip_network("127.9.0.0/16"),),
    )


async def _ask(
    slots: asyncio.Semaphore, engine: Engine, run: Run, name: str, number: int, case: Case, deadline_seconds: float
) -> None:
    async with slots:
        began = time.monotonic()
        answers = await asyncio.gather(
            *(engine.verify(f"{user}@{domain_of(number)}", deadline_seconds=deadline_seconds) for user in case.users)
        )
    run.seconds[name] = time.monotonic() - began
    run.answers[name] = answers
    run.verdicts[name] = tuple(verdict(answer) for answer in answers)
