"""Name servers and zones of every ill manner: the exact verdict, at most 24 questions, at most 30 seconds."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.engine.fake_dns import Script, records, says, silent
from tests.engine.hostile import dns_tricks as tricks
from tests.engine.hostile.dns_tricks import TrickDns, alias, big, mail_exchange, raw, rr
from tests.engine.hostile.smtp_server import Servers, reset, servers
from tests.engine.hostile.world import LATER, NO_DOMAIN, NO_HOSTS, OK, PATIENCE, UNKNOWN, config, verdict
from verification.engine import Engine, EngineConfig
from verification.engine.resolver import Resolver

pytestmark = pytest.mark.xdist_group("hostile-dns")  # the run is made once

AT_ONCE = 12
FASTER = 5
TRY_SECONDS = (2 / FASTER, 3 / FASTER, 5 / FASTER)
MOST_QUESTIONS, MOST_SECONDS, MOST_CONNECTIONS = 24, 30, 20
SLACK_SECONDS = 1.5
HONEST, DEAD = "127.9.5.1", "127.9.6"
OUR_NETWORK = "RetryLater TransientNetworkFault our_network"

DOMAIN = "x.test"
MX, MX_A = (DOMAIN, "MX"), ("mx.x.test", "A")
TAKES_MAIL = records("MX", "10 mx.x.test.")
HERE = records("A", HONEST)
FOUND = {MX: TAKES_MAIL, MX_A: HERE}
Zone = dict[tuple[str, str], Script]


@dataclass(frozen=True)
class Case:
    expected: str
    zone: Zone = field(default_factory=dict)
    default: Script | None = None
    prepare: Callable[[TrickDns], None] | None = None


def of_mx(script: Script, expected: str) -> Case:
    """Answer the first question oddly; the host that it should lead to is honest."""
    return Case(expected, {MX: script, MX_A: HERE, (DOMAIN, "TXT"): silent, ("test", "NS"): says("NOERROR", soa=True)})


def of_a(script: Script, expected: str) -> Case:
    return Case(expected, {MX: TAKES_MAIL, MX_A: script, ("test", "NS"): says("NOERROR", soa=True)})


def dripping(dns: TrickDns) -> None:
    dns.seconds_a_byte = 0.2


def lying(dns: TrickDns) -> None:
    dns.tcp_size = 65_535


def closing(dns: TrickDns) -> None:
    dns.closes_tcp = True


def forging(dns: TrickDns) -> None:
    dns.zone[MX] = dns.forge(raw(rr(tricks.MX, tricks.NULL_MX)))


def forging_beside(dns: TrickDns) -> None:
    forged = dns.zone[MX] = dns.forge(raw(rr(tricks.MX, tricks.NULL_MX)))
    dns.zone[MX] = lambda query, transport: [*forged(query, transport), *TAKES_MAIL(query, transport)]


MANY = tricks.thousand_hosts(b"x", b"test")
HOST_LOOP = {MX: TAKES_MAIL, MX_A: alias("a.x.test."), ("a.x.test", "A"): alias("mx.x.test.")}
CHAIN = {MX: alias("a.test."), ("a.test", "MX"): alias("b.test."), ("b.test", "MX"): TAKES_MAIL, MX_A: HERE}
NO_MX = {(DOMAIN, "TXT"): records("TXT", "nothing")}
INSIDE = [ipaddress.IPv4Address("10.0.0.0") + number for number in range(4_000)]
DEAD_ONES = [ipaddress.IPv4Address(f"{DEAD}.{number % 250 + 1}") for number in range(4_000)]
DEAD_HOSTS = {
    MX: records("MX", "10 mx.x.test.", "20 my.x.test."),
    MX_A: big(tricks.A, [ip.packed for ip in DEAD_ONES[:100]]),
    ("my.x.test", "A"): big(tricks.A, [ip.packed for ip in DEAD_ONES[100:200]]),
}
CONTROL: Zone = {("test", "NS"): says("NOERROR", soa=True)}

COUNTS = {
    "a thousand hosts, the first is honest": Case(OK, {MX: MANY, ("mx0.x.test", "A"): HERE}),
    "a thousand hosts, ten of which do not exist": Case(UNKNOWN, {MX: MANY}),
    "a thousand hosts, all silent": Case(LATER, {MX: MANY}, tricks.SILENT),
    "a thousand hosts, all aliases without end": Case(LATER, {MX: MANY}, tricks.aliases_without_end),
    "ten hosts that do not exist": Case(NO_HOSTS, {MX: records("MX", *(f"10 m{n}.x.test." for n in range(10)))}),
    "4,000 inside addresses": of_a(big(tricks.A, [ip.packed for ip in INSIDE]), NO_HOSTS),
    "4,000 addresses of dead servers": of_a(big(tricks.A, [ip.packed for ip in DEAD_ONES]), LATER),
    "two hosts of dead servers": Case(LATER, DEAD_HOSTS),
    "64 kB of hosts": of_mx(big(tricks.MX, [b"\0\12" + tricks.name(b"mx", b"x", b"test")]), OK),
    "64 kB of aliases": of_mx(big(tricks.CNAME, [tricks.name(b"mx", b"x", b"test")]), NO_HOSTS),
}
ALIASES = {
    "an alias of itself": Case(LATER, {MX: alias("x.test.")}),
    "aliases that go round": Case(LATER, {MX: alias("a.test."), ("a.test", "MX"): alias("x.test.")}),
    "a host whose aliases go round": Case(LATER, HOST_LOOP),
    "aliases without end": Case(LATER, {}, tricks.aliases_without_end),
    "a few aliases": Case(OK, CHAIN),
}
TCP = {
    "drip over TCP": Case(LATER, {**CONTROL, MX: tricks.cut_over_udp(TAKES_MAIL)}, prepare=dripping),
    "less over TCP than said": Case(LATER, {**CONTROL, MX: tricks.cut_over_udp(TAKES_MAIL)}, prepare=lying),
    "nothing over TCP": Case(LATER, {**CONTROL, MX: tricks.cut_over_udp(TAKES_MAIL)}, prepare=closing),
    "truncated over TCP": of_mx(raw(flags=tricks.RESPONSE | tricks.TRUNCATED), LATER),
}
FORGED = {
    "spoofed before the answer": of_mx(tricks.after_spoofs(TAKES_MAIL), OK),
    "spoofed in place of the answer": of_mx(tricks.spoofs_only, LATER),
    "from another port, before the answer": Case(OK, {**CONTROL, **FOUND}, prepare=forging_beside),
    "from another port, in place of the answer": Case(LATER, {**CONTROL, MX_A: HERE}, prepare=forging),
    "of another name": of_mx(raw(rr(tricks.MX, tricks.NULL_MX, owner=tricks.name(b"other", b"test"))), NO_HOSTS),
    "noise under the right id": of_mx(tricks.noise, LATER),
}
REFUSED = {
    "a lame referral": of_mx(tricks.referral, LATER),
    "SERVFAIL": of_mx(says("SERVFAIL"), LATER),
    "REFUSED": of_mx(says("REFUSED"), LATER),
    "NOTIMP": of_mx(says("NOTIMP"), LATER),
    "FORMERR": of_mx(says("FORMERR"), LATER),
    "an unknown code": of_mx(raw(flags=tricks.RESPONSE | 11), LATER),
    "SERVFAIL for the host's address": of_a(says("SERVFAIL"), LATER),
    "no such name, with an answer": of_mx(raw(rr(tricks.MX, tricks.NULL_MX), flags=tricks.RESPONSE | 3), NO_DOMAIN),
    "silence for the host's address": of_a(silent, LATER),
    "silence for everything": Case(OUR_NETWORK, {}, silent),
    "no MX, silence for the address": Case(LATER, {**NO_MX, **CONTROL, (DOMAIN, "A"): silent}),
    "SERVFAIL beside a good address": Case(LATER, {MX: says("SERVFAIL"), (DOMAIN, "A"): HERE}),
}
MALFORMED = {
    "counts that lie": of_mx(raw(answers=65_535), LATER),
    "a pointer to itself": of_mx(raw(rr(tricks.MX, b"\0\12\xc0\x26")), LATER),
    "pointers to and fro": of_mx(raw(rr(tricks.MX, b"\0\12\xc0\x28\xc0\x26")), LATER),
    "an unknown kind of label": of_mx(raw(rr(tricks.MX, b"\0\12\x41abc\0")), LATER),
    "a record longer than the packet": of_mx(raw(rr(tricks.MX, b"\0\12\0", length=60_000)), LATER),
    "an empty record": of_mx(raw(rr(tricks.MX, b"")), LATER),
    "an address of three octets": of_a(raw(rr(tricks.A, b"\x7f\x09\x05")), LATER),
    "a name of 300 octets": of_mx(mail_exchange(*[b"a" * 59] * 5), LATER),
}
NAMES = {
    "a host with line ends": of_mx(mail_exchange(b"mx\r\nRCPT TO:<a@b.c>", b"test"), NO_HOSTS),
    "a host with NUL": of_mx(mail_exchange(b"m\0x", b"test"), NO_HOSTS),
    "a host with dots inside a label": of_mx(mail_exchange(b"mx.x", b"test"), NO_HOSTS),
    "a host that is an address": of_mx(mail_exchange(b"127", b"9", b"5", b"1"), NO_HOSTS),
    "a host named localhost": of_mx(mail_exchange(b"localhost"), NO_HOSTS),
    "a host in capitals": of_mx(mail_exchange(b"MX", b"X", b"TEST"), OK),
    "the root": of_mx(mail_exchange(), NO_HOSTS),
    "a time to live without end": of_mx(records("MX", "10 mx.x.test.", ttl=2**31 - 1), OK),
    "no time to live": of_mx(records("MX", "10 mx.x.test.", ttl=0), OK),
}
HONEST_CASES = {f"honest {number}": Case(OK, FOUND) for number in range(5)}
CASES = {**HONEST_CASES, **COUNTS, **ALIASES, **TCP, **FORGED, **REFUSED, **MALFORMED, **NAMES}


@dataclass
class Run:
    verdicts: dict[str, str] = field(default_factory=dict)
    questions: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)


def hasty(settings: EngineConfig) -> Resolver:
    """Build a resolver for which all times are shorter: where an answer will come, ours are as in earnest."""
    return Resolver(settings, clock=lambda: time.monotonic() * FASTER, try_seconds=TRY_SECONDS)


async def _ask(slots: asyncio.Semaphore, run: Run, name: str, case: Case, mail: Servers) -> None:
    dns = TrickDns(dict(case.zone), case.default)
    async with slots, dns:
        if case.prepare:
            case.prepare(dns)
        settings = config(dns, mail)
        resolver = hasty(settings) if case.expected in (LATER, OUR_NETWORK) else None
        engine = Engine(settings, patience=PATIENCE, resolver=resolver)
        began = time.monotonic()
        try:
            found = await engine.verify(f"jane@{DOMAIN}")
        finally:
            await engine.aclose()
        run.seconds[name] = time.monotonic() - began
        run.verdicts[name] = verdict(found)
        run.questions[name] = len(dns.questions)
        run.attempts[name] = len(found.evidence.attempts)


async def _play() -> Run:
    run = Run()
    slots = asyncio.Semaphore(AT_ONCE)
    async with servers() as mail:
        for ip in set(DEAD_ONES):
            mail.scripts[str(ip)] = reset
        await asyncio.gather(*(_ask(slots, run, name, case, mail) for name, case in CASES.items()))
    return run


@pytest.fixture(scope="module")
def run() -> Run:
    return asyncio.run(asyncio.wait_for(_play(), 60))


def test_each_has_its_exact_verdict(run: Run) -> None:
    expected = {name: case.expected for name, case in CASES.items()}
    assert {name: run.verdicts[name] for name in expected if run.verdicts[name] != expected[name]} == {}
    assert len(expected) > 50


def test_no_address_asks_more_than_24_questions(run: Run) -> None:
    assert {name: count for name, count in run.questions.items() if not 1 <= count <= MOST_QUESTIONS} == {}


def test_each_took_bounded_time(run: Run) -> None:
    limit = MOST_SECONDS / FASTER + SLACK_SECONDS
    assert {name: took for name, took in run.seconds.items() if took > limit} == {}


def test_no_more_addresses_are_tried_than_may_be(run: Run) -> None:
    assert {name: count for name, count in run.attempts.items() if count > MOST_CONNECTIONS} == {}
    assert run.attempts["4,000 addresses of dead servers"] == MOST_CONNECTIONS
    assert run.attempts["two hosts of dead servers"] == MOST_CONNECTIONS
