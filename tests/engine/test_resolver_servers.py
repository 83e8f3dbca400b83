"""Servers that fail, lie or keep silent, and whose fault that is."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import aclosing
from pathlib import Path

import dns.flags
import pytest

from tests.engine.fake_dns import QUICK, FakeDns, Query, Script, answer, records, resolver_for, run, says, silent
from verification.engine.config import EngineConfig
from verification.engine.resolver import Budget, DnsReply, DnsStatus, Resolver, system_resolvers

MX = records("MX", "10 mx.ok.test.")


async def ask_one(*servers: FakeDns, name: str = "ok.test", try_seconds: tuple[float, ...] | None = None) -> DnsReply:
    async with aclosing(resolver_for(*servers, try_seconds=try_seconds)) as resolver:
        return await resolver.ask(name, "MX", Budget())


def lose(count: int, script: Script) -> Script:
    """Answer only after `count` questions."""
    left = [count]

    def wrapped(query: Query, transport: str) -> list[bytes]:
        left[0] -= 1
        return script(query, transport) if left[0] < 0 else []

    return wrapped


def test_a_lost_packet_is_asked_again() -> None:
    async def work() -> None:
        async with FakeDns({("ok.test", "MX"): lose(2, MX)}) as server:
            assert (await ask_one(server, try_seconds=QUICK)).status is DnsStatus.OK
            assert server.asked("ok.test") == ["MX", "MX", "MX"]

    run(work())


def test_a_late_answer_is_still_heard() -> None:
    async def work() -> None:
        held: list[Query] = []

        def late(query: Query, transport: str) -> list[bytes]:
            held.append(query)
            asyncio.get_running_loop().call_later(0.4, first.send_late, MX(query, transport)[0])
            return []

        async with FakeDns({("ok.test", "MX"): late}) as first, FakeDns(default=silent) as second:
            assert (await ask_one(first, second)).status is DnsStatus.OK
            assert (len(held), len(second.questions)) == (1, 1)

    run(work())


@pytest.mark.parametrize("script", [silent, says("SERVFAIL"), says("REFUSED"), says("FORMERR")])
def test_the_next_server_is_asked(script: Script) -> None:
    async def work() -> None:
        async with FakeDns({("ok.test", "MX"): script}) as bad, FakeDns({("ok.test", "MX"): MX}) as good:
            assert (await ask_one(bad, good)).status is DnsStatus.OK
            assert (bad.asked("ok.test"), good.asked("ok.test")) == (["MX"], ["MX"])

    run(work())


def test_a_server_that_fell_silent_is_asked_last() -> None:
    async def work() -> None:
        async with FakeDns(default=silent) as dead, FakeDns(default=MX) as alive:
            resolver = resolver_for(dead, alive)
            for number in range(5):
                assert (await resolver.ask(f"{number}.test", "MX", Budget())).status is DnsStatus.OK
            assert len(dead.questions) == 1

    run(work())


def test_one_that_answers_others_is_not_put_last_for_a_slow_zone() -> None:
    async def work() -> None:
        async with FakeDns({("slow.test", "MX"): silent}, default=MX) as first, FakeDns(default=MX) as second:
            resolver = resolver_for(first, second)
            slow = asyncio.create_task(resolver.ask("slow.test", "MX", Budget()))
            await asyncio.sleep(0.05)
            for number in range(5):
                await resolver.ask(f"{number}.test", "MX", Budget())
            await slow
            await resolver.ask("last.test", "MX", Budget())
            assert [name for name, _, _ in second.questions] == ["slow.test"]

    run(work())


def test_a_zone_that_times_out_while_others_are_answered_is_their_fault() -> None:
    async def work() -> None:
        async with FakeDns({("dnstimeout.test", "MX"): silent, ("ok.test", "MX"): MX}) as server:
            resolver = resolver_for(server)
            slow = asyncio.create_task(resolver.ask("dnstimeout.test", "MX", Budget()))
            await asyncio.sleep(0.05)
            assert (await resolver.ask("ok.test", "MX", Budget())).status is DnsStatus.OK
            assert (await slow).status is DnsStatus.TIMEOUT
            assert server.asked("test") == []

    run(work())


@pytest.mark.parametrize("control", [says("NOERROR"), says("NXDOMAIN"), says("SERVFAIL"), says("REFUSED")])
def test_a_control_question_tells_their_silence_from_ours(control: Script) -> None:
    async def work() -> None:
        async with FakeDns({("dnstimeout.test", "MX"): silent, ("test", "NS"): control}) as server:
            assert (await ask_one(server, name="dnstimeout.test")).status is DnsStatus.TIMEOUT
            assert server.asked("test") == ["NS"]

    run(work())


def test_the_control_question_of_a_zone_is_the_zone() -> None:
    async def work() -> None:
        async with FakeDns(default=silent) as general, FakeDns({("x.corp.test", "MX"): silent}) as own:
            config = EngineConfig(resolvers=(general.address,), zone_resolvers={"corp.test": (own.address,)})
            resolver = Resolver(config, try_seconds=(0.05,))
            assert (await resolver.ask("x.corp.test", "MX", Budget())).status is DnsStatus.TIMEOUT
            assert own.questions == [("x.corp.test", "MX", "udp"), ("corp.test", "NS", "udp")]
            await resolver.aclose()

    run(work())


def test_a_server_that_answers_nobody_is_our_fault() -> None:
    async def work() -> None:
        async with FakeDns(default=silent) as server:
            resolver = resolver_for(server)
            replies = await asyncio.gather(*(resolver.ask(f"{number}.test", "MX", Budget()) for number in range(20)))
            assert {reply.status for reply in replies} == {DnsStatus.SILENT}
            assert server.asked("test") == ["NS"]  # one control question for all of them

    run(work())


def test_nobody_listening_is_known_at_once() -> None:
    async def work() -> None:
        async with FakeDns() as gone:
            pass
        began = time.monotonic()
        assert (await ask_one(gone)).status is DnsStatus.SILENT
        assert time.monotonic() - began < 0.25

    run(work())


def test_silence_is_not_remembered() -> None:
    async def work() -> None:
        async with FakeDns(default=silent) as server:
            resolver = resolver_for(server)
            first = await resolver.ask("ok.test", "MX", Budget())
            server.default = MX
            second = await resolver.ask("ok.test", "MX", Budget())
            assert (first.status, second.status) == (DnsStatus.SILENT, DnsStatus.OK)

    run(work())


def test_without_any_server(tmp_path: Path) -> None:
    async def work() -> None:
        resolver = Resolver(EngineConfig(zone_resolvers={"test": ()}))
        reply = await resolver.ask("ok.test", "MX", Budget())
        assert reply == DnsReply(DnsStatus.SILENT, detail="no name server configured")
        await resolver.aclose()

    run(work())


@pytest.mark.parametrize(("others", "status"), [(MX, DnsStatus.SERVFAIL), (says("REFUSED"), DnsStatus.SILENT)])
def test_being_refused_is_our_fault_unless_others_are_answered(others: Script, status: DnsStatus) -> None:
    async def work() -> None:
        async with FakeDns({("ok.test", "MX"): says("REFUSED")}, default=others) as server:
            assert (await ask_one(server)).status is status

    run(work())


def forge(query: Query, transport: str) -> list[bytes]:
    """Send wrong ids and wrong questions ahead of the answer."""
    good = answer(query, ("ok.test", "MX", ["10 mx.ok.test."])).to_wire()
    evil = answer(query, ("ok.test", "MX", ["10 evil.test."])).to_wire()
    wrong_id = (int.from_bytes(evil[:2], "big") ^ 1).to_bytes(2, "big") + evil[2:]
    return [b"", b"\0", wrong_id, evil.replace(b"\x02ok", b"\x02no", 1), evil[:2] + b"\x01\0" + evil[4:], good]


def test_forged_packets_are_passed_over() -> None:
    async def work() -> None:
        async with FakeDns({("ok.test", "MX"): forge}) as server:
            assert (await ask_one(server)).records == ("10 mx.ok.test",)

    run(work())


def test_packets_from_elsewhere_are_passed_over() -> None:
    async def work() -> None:
        async with FakeDns() as server:

            def script(query: Query, transport: str) -> list[bytes]:
                evil = answer(query, ("ok.test", "MX", ["10 evil.test."])).to_wire()
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                    for port in server.sources:
                        stranger.sendto(evil, ("127.0.0.1", port))
                return MX(query, transport)

            server.zone = {("ok.test", "MX"): script}
            assert (await ask_one(server)).records == ("10 mx.ok.test",)

    run(work())


def test_a_port_that_somebody_guesses_at_is_given_up() -> None:
    async def work() -> None:
        noise: Script = lambda query, transport: [b"\0" * 12] * 60 + MX(query, transport)  # noqa: E731
        async with FakeDns(default=noise) as server:
            resolver = resolver_for(server)
            for number in range(12):
                await resolver.ask(f"{number}.test", "MX", Budget())
            assert len(server.sources) == 12

    run(work())


MANY = records("MX", *[f"{number} mx{number}.ok.test." for number in range(1000)])


def test_a_truncated_answer_is_asked_for_over_tcp() -> None:
    async def work() -> None:
        async with FakeDns({("ok.test", "MX"): MANY}) as server:
            reply = await ask_one(server)
            assert (reply.status, len(reply.records), reply.records[0]) == (DnsStatus.OK, 100, "0 mx0.ok.test")
            assert server.questions == [("ok.test", "MX", "udp"), ("ok.test", "MX", "tcp")]

    run(work())


def cut(tcp: list[bytes] | None) -> Script:
    """Answer truncated over UDP and with `tcp` over TCP, None: a wrong id."""

    def script(query: Query, transport: str) -> list[bytes]:
        message = answer(query, ("ok.test", "MX", ["10 mx.ok.test."]))
        if transport == "udp":
            message.flags |= dns.flags.TC
            return [message.to_wire()]
        message.id ^= 1
        return [message.to_wire()] if tcp is None else tcp

    return script


@pytest.mark.parametrize("script", [cut([]), cut([b""]), cut([b"\0" * 65_535]), cut(None)])
def test_without_a_whole_answer_over_tcp(script: Script) -> None:
    async def work() -> None:
        async with FakeDns({("ok.test", "MX"): script}) as server:
            reply = await ask_one(server, try_seconds=QUICK)
            assert (reply.status, reply.detail[:9]) == (DnsStatus.TIMEOUT, "truncated")
            assert [transport for _, _, transport in server.questions] == ["udp", "tcp", "tcp"]

    run(work())


def test_drip_over_tcp_costs_bounded_time() -> None:
    async def work() -> None:
        async with FakeDns({("ok.test", "MX"): cut([])}) as server:

            async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                writer.write(b"\xff\xff")
                while not writer.is_closing():
                    writer.write(b"\0")
                    await asyncio.sleep(0.02)

            server._tcp.close()
            dripping = await asyncio.start_server(drip, *server.address)
            began = time.monotonic()
            assert (await ask_one(server, try_seconds=QUICK)).status is DnsStatus.TIMEOUT
            assert time.monotonic() - began < 2.0
            dripping.close()
            await asyncio.sleep(0.05)

    run(work())


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("nameserver 192.0.2.1\n#nameserver 192.0.2.9\nnameserver\t2001:db8::1 \n", ("192.0.2.1", "2001:db8::1")),
        ("nameserver 192.0.2.1\nnameserver 1\nnameserver\nsearch x\n\xff", ("192.0.2.1",)),
        ("\n".join(f"nameserver 192.0.2.{number}" for number in range(9)), ("192.0.2.0", "192.0.2.1", "192.0.2.2")),
        ("", ()),
    ],
)
def test_resolvers_of_the_system(tmp_path: Path, text: str, pairs: tuple[str, ...]) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text(text, encoding="latin-1")
    assert system_resolvers(path) == tuple((host, 53) for host in pairs)


def test_no_file_of_resolvers(tmp_path: Path) -> None:
    assert system_resolvers(tmp_path / "none") == ()
