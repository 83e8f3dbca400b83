"""The resolver over real sockets: what it answers, what it remembers, and how little it asks."""

from __future__ import annotations

import asyncio
import gc
import os
import resource

import pytest

from tests.engine.fake_dns import QUICK, FakeDns, Query, Script, answer, records, resolver_for, run, says, silent
from verification.engine.config import EngineConfig
from verification.engine.resolver import Budget, DnsReply, DnsStatus, Resolver

MX = records("MX", "10 mx.ok.test.")


def ask(zone: dict[tuple[str, str], Script], *names: str) -> list[DnsReply]:
    """Ask for the MX of names, one after the other."""

    async def work() -> list[DnsReply]:
        async with FakeDns(zone) as server:
            resolver = resolver_for(server)
            return [await resolver.ask(name, "MX", Budget()) for name in names]

    return run(work())


def test_an_answer() -> None:
    async def work() -> None:
        async with FakeDns({("ok.test", "MX"): MX}) as server:
            resolver = resolver_for(server)
            reply = await resolver.ask("OK.test.", "MX", Budget())
            host, port = server.address
            assert reply == DnsReply(DnsStatus.OK, ("10 mx.ok.test",), f"{host}:{port}")
            assert server.questions == [("ok.test", "MX", "udp")]

    run(work())


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("nowhere.test", DnsStatus.NXDOMAIN),
        ("nodata.test", DnsStatus.NODATA),
        ("servfail.test", DnsStatus.SERVFAIL),
        ("formerr.test", DnsStatus.SERVFAIL),
        ("a" * 64 + ".test", DnsStatus.NXDOMAIN),
    ],
)
def test_ways_to_have_no_records(name: str, status: DnsStatus) -> None:
    zone = {
        ("nodata.test", "A"): records("A", "192.0.2.1"),
        ("servfail.test", "MX"): says("SERVFAIL"),
        ("formerr.test", "MX"): says("FORMERR"),
    }
    assert [reply.status for reply in ask(zone, name)] == [status]


def test_malformed_answer() -> None:
    cut: Script = lambda query, _: [answer(query, ("x.test", "MX", ["10 a.test."])).to_wire()[:-20]]  # noqa: E731
    (reply,) = ask({("x.test", "MX"): cut}, "x.test")
    assert (reply.status, reply.detail[:16]) == (DnsStatus.SERVFAIL, "malformed answer")


def alias(target: str) -> Script:
    """Answer with a CNAME record and nothing more, as a server that does not follow it."""

    def script(query: Query, transport: str) -> list[bytes]:
        owner = query.question[0].name.to_text(omit_final_dot=True)
        return [answer(query, (owner, "CNAME", [f"{target}."])).to_wire()]

    return script


def test_an_alias_that_the_server_does_not_follow_is_asked_for() -> None:
    zone = {("a.test", "MX"): alias("b.test"), ("b.test", "MX"): MX, ("c.test", "MX"): alias("nowhere.test")}
    replies = ask(zone, "a.test", "c.test")
    assert [(reply.status, reply.records) for reply in replies] == [
        (DnsStatus.OK, ("10 mx.ok.test",)),
        (DnsStatus.NXDOMAIN, ()),
    ]


def test_aliases_that_go_round_or_on_and_on() -> None:
    zone = {("a.test", "MX"): alias("b.test"), ("b.test", "MX"): alias("a.test")}
    zone |= {(f"{number}.test", "MX"): alias(f"{number + 1}.test") for number in range(20)}
    assert [(reply.status, reply.detail) for reply in ask(zone, "a.test", "0.test")] == [
        (DnsStatus.SERVFAIL, "CNAME loop at a.test"),
        (DnsStatus.SERVFAIL, "too many CNAME records in a row"),
    ]


class Clock:
    """A clock that a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("script", "seconds"),
    [
        (records("MX", "10 mx.ok.test.", ttl=300), 300),
        (records("MX", "10 mx.ok.test.", ttl=0), 10),
        (records("MX", "10 mx.ok.test.", ttl=1_000_000), 3_600),
        (says("NXDOMAIN", soa=True), 60),
        (says("NOERROR", soa=True), 60),
        (says("NOERROR"), 10),
        (says("SERVFAIL"), 60),
    ],
)
def test_replies_are_remembered_for_their_time(script: Script, seconds: int) -> None:
    async def work() -> None:
        clock = Clock()
        async with FakeDns({("ok.test", "MX"): script}) as server:
            resolver = Resolver(EngineConfig(resolvers=(server.address,)), clock=clock)
            first = await resolver.ask("ok.test", "MX", Budget())
            clock.now += seconds - 0.1
            assert await resolver.ask("ok.test", "MX", Budget()) == first
            assert len(server.questions) == 1
            clock.now += 0.1
            await resolver.ask("ok.test", "MX", Budget())
            assert len(server.questions) == 2
            await resolver.aclose()

    run(work())


def test_fifty_who_ask_at_once_are_one_question() -> None:
    async def work() -> None:
        async with FakeDns({("ok.test", "MX"): MX}) as server:
            resolver = resolver_for(server)
            budgets = [Budget() for _ in range(50)]
            replies = await asyncio.gather(*(resolver.ask("ok.test", "MX", budget) for budget in budgets))
            assert {reply.records for reply in replies} == {("10 mx.ok.test",)}
            assert len(server.questions) == 1
            assert sum(24 - budget.questions for budget in budgets) == 1

    run(work())


def lose(count: int, script: Script) -> Script:
    """Answer only after `count` questions."""
    left = [count]

    def wrapped(query: Query, transport: str) -> list[bytes]:
        left[0] -= 1
        return script(query, transport) if left[0] < 0 else []

    return wrapped


def test_who_asked_first_may_leave() -> None:
    async def work() -> None:
        async with FakeDns({("ok.test", "MX"): lose(1, MX)}) as server:
            resolver = resolver_for(server, try_seconds=QUICK)
            first = asyncio.create_task(resolver.ask("ok.test", "MX", Budget()))
            second = asyncio.create_task(resolver.ask("ok.test", "MX", Budget()))
            await asyncio.sleep(0.02)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            assert (await second).status is DnsStatus.OK

    run(work())


def test_an_empty_purse_is_no_answer_for_others() -> None:
    async def work() -> None:
        async with FakeDns({("ok.test", "MX"): lose(1, MX)}) as server:
            resolver = resolver_for(server, try_seconds=QUICK)
            poor, rich = await asyncio.gather(
                resolver.ask("ok.test", "MX", Budget(questions=1)), resolver.ask("ok.test", "MX", Budget())
            )
            assert (poor.status, rich.status) == (DnsStatus.EXHAUSTED, DnsStatus.OK)

    run(work())


def test_questions_and_time_of_an_address_are_bounded() -> None:
    async def work() -> None:
        async with FakeDns({("test", "NS"): says("NOERROR")}, default=silent) as server:
            resolver = resolver_for(server, try_seconds=(0.01, 0.01, 0.01))
            budget = Budget()
            for number in range(40):
                await resolver.ask(f"{number}.test", "MX", budget)
            assert len(server.questions) == 24
            slow = Budget(seconds=0.0)
            assert (await resolver.ask("other.test", "MX", slow)).status is DnsStatus.EXHAUSTED
            assert len(server.questions) == 24

    run(work())


def test_waits_at_the_same_time_count_once() -> None:
    budget = Budget(seconds=10)
    budget.begin(0)
    budget.begin(1)
    budget.end(4)
    assert (budget.is_spent(9.9), budget.is_spent(10)) == (False, True)
    budget.end(5)
    assert (budget.is_spent(100), budget.seconds) == (False, 10)


def open_files() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def test_ports_are_many_and_renewed_and_closed() -> None:
    async def work() -> None:
        async with FakeDns(default=MX) as server:
            clock = Clock()
            before = open_files()
            resolver = Resolver(EngineConfig(resolvers=(server.address,)), clock=clock)
            await asyncio.gather(*(resolver.ask(f"{number}.test", "MX", Budget()) for number in range(2_000)))
            assert 50 <= len(server.sources) <= 80
            known = set(server.sources)
            assert open_files() - before == 64
            clock.now += 11
            server.sources.clear()
            for number in range(20):
                await resolver.ask(f"new-{number}.test", "MX", Budget())
            assert len(server.sources - known) >= len(server.sources) - 1  # a port may come up again by chance
            await resolver.aclose()
            assert open_files() == before

    run(work())


def test_without_file_descriptors_the_open_sockets_must_do() -> None:
    async def work() -> None:
        async with FakeDns(default=MX) as server:
            resolver = resolver_for(server)
            await resolver.ask("first.test", "MX", Budget())
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            next_free = os.dup(0)
            os.close(next_free)
            resource.setrlimit(resource.RLIMIT_NOFILE, (next_free, hard))
            try:
                reply = await resolver.ask("second.test", "MX", Budget())
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert (reply.status, len(server.sources)) == (DnsStatus.OK, 1)

    run(work())


def test_a_zone_has_servers_of_its_own() -> None:
    async def work() -> None:
        async with FakeDns(default=MX) as general, FakeDns(default=MX) as test, FakeDns(default=MX) as inner:
            config = EngineConfig(
                resolvers=(general.address,), zone_resolvers={"test": (test.address,), "inner.test": (inner.address,)}
            )
            resolver = Resolver(config)
            for name in ("example.com", "test", "a.test", "inner.test", "a.inner.test", "winner.test"):
                await resolver.ask(name, "MX", Budget())
            asked = [[name for name, _, _ in server.questions] for server in (general, test, inner)]
            assert asked == [["example.com"], ["test", "a.test", "winner.test"], ["inner.test", "a.inner.test"]]
            await resolver.aclose()

    run(work())


def test_a_server_over_ipv6() -> None:
    async def work() -> None:
        async with FakeDns({("ok.test", "MX"): MX}, host="::1") as server:
            resolver = resolver_for(server)
            reply = await resolver.ask("ok.test", "MX", Budget())
            assert (reply.status, reply.server) == (DnsStatus.OK, f"[::1]:{server.address[1]}")

    run(work())


def test_closing_ends_what_is_under_way() -> None:
    async def work() -> None:
        async with FakeDns(default=silent) as server:
            resolver = resolver_for(server, try_seconds=(60.0,))
            question = asyncio.create_task(resolver.ask("ok.test", "MX", Budget()))
            await asyncio.sleep(0.02)
            await resolver.aclose()
            assert (await question).status is DnsStatus.SILENT

    run(work())


def test_the_address_of_a_server_must_be_one() -> None:
    with pytest.raises(ValueError, match="is no address and port"):
        Resolver(EngineConfig(resolvers=(("ns.example.com", 53),)))


def test_a_question_begun_is_asked_once() -> None:
    async def work() -> None:
        async with FakeDns({("ok.test", "MX"): MX}) as server:
            resolver = resolver_for(server)
            budget = Budget()
            resolver.begin("OK.test.", "MX", budget)
            resolver.begin("ok.test", "MX", budget)
            reply = await resolver.ask("ok.test", "MX", budget)
            resolver.begin("ok.test", "MX", budget)
            assert (reply.status, budget.questions, server.questions) == (DnsStatus.OK, 23, [("ok.test", "MX", "udp")])

    run(work())
