"""The random recipient that tells whether a domain takes anything, over real sockets."""

from __future__ import annotations

import asyncio

import pytest

from tests.engine.fake_smtp import (
    HANG_UP,
    Peer,
    Script,
    but,
    client,
    honest,
    is_random,
    said,
    server,
    stepwise,
)
from tests.engine.in_loop import in_loop
from verification.engine.smtp.client import Patience
from verification.engine.types import CatchAll, CatchAllState

SHORT = Patience(connect=0.3, greeting=0.3, reply=0.3, handshake=0.3, quit=0.3, settle=0.05)
OK, MISSING, BLOCKED = "accepted 250", "no_mailbox 550", "we_are_refused 421"


def accepting(peer: Peer, line: bytes) -> bytes | None:
    return b"250 Ok\r\n" if line.startswith(b"RCPT") else honest(peer, line)


@pytest.mark.parametrize(
    ("script", "state"),
    [
        (honest, CatchAllState.NO),
        (accepting, CatchAllState.YES),
        (stepwise(honest), CatchAllState.NO),
        (stepwise(accepting), CatchAllState.YES),
    ],
    ids=["no", "yes", "no, stepwise", "yes, stepwise"],
)
@in_loop
async def test_the_random_recipient_comes_last_and_once(script: Script, state: CatchAllState) -> None:
    async with server(script) as mx, client(mx.port) as probe:
        assert said(await probe.ask("a@b.test", "c@b.test", catch_all=True)) == [OK, OK]
        found = await probe.desk.catch_alls.of("b.test")
        await probe.ask("d@b.test", catch_all=True)
    asked = [line for peer in mx.peers for line in peer.lines if line.startswith(b"RCPT")]
    assert [is_random(line) for line in asked] == [False, False, True, False]
    assert (found.state, found.host) == (state, "mx.test")


@pytest.mark.parametrize("reply", [b"550 5.7.1 blocked by policy", b"252 cannot say", b"452 4.2.2 full"])
@in_loop
async def test_an_odd_answer_to_the_random_recipient_is_no_catch_all(reply: bytes) -> None:
    def script(peer: Peer, line: bytes) -> bytes | None:
        return reply + b"\r\n" if is_random(line) else accepting(peer, line)

    async with server(script) as mx, client(mx.port) as probe:
        assert said(await probe.ask("a@b.test", catch_all=True)) == [OK]
        assert (await probe.desk.catch_alls.of("b.test")).state is CatchAllState.INCONCLUSIVE


@in_loop
async def test_a_greylisted_random_recipient_is_asked_again_once_others_pass() -> None:
    first = but(b"RCPT", b"450 4.2.0 Greylisted\r\n")

    def script(peer: Peer, line: bytes) -> bytes | None:
        return first(peer, line) if peer.number == 1 else accepting(peer, line)

    async with server(script) as mx, client(mx.port) as probe:
        assert said(await probe.ask("a@b.test", catch_all=True)) == ["greylisted 450"]
        await asyncio.sleep(0.05)
        assert said(await probe.ask("a@b.test", catch_all=True)) == [OK]
        assert (await probe.desk.catch_alls.of("b.test")).state is CatchAllState.YES
    asked = [line for peer in mx.peers for line in peer.lines if is_random(line)]
    assert len(asked) == 2
    assert len(set(asked)) == 1


@in_loop
async def test_a_random_recipient_that_breaks_the_connection_stays_unknown() -> None:
    def script(peer: Peer, line: bytes) -> bytes | None:
        return HANG_UP if is_random(line) else accepting(peer, line)

    async with server(script) as mx, client(mx.port) as probe:
        assert said(await probe.ask("a@b.test", catch_all=True)) == [OK]
        assert (await probe.desk.catch_alls.of("b.test")).state is CatchAllState.INCONCLUSIVE


@in_loop
async def test_a_known_domain_is_not_asked_again() -> None:
    async with server(accepting) as mx, client(mx.port) as probe:
        known = CatchAll(CatchAllState.YES, int(asyncio.get_running_loop().time()) + 10**10, "elsewhere")
        probe.desk.catch_alls.remember("b.test", known)
        await probe.ask("a@b.test", catch_all=True)
        assert await probe.desk.catch_alls.of("b.test") == known
    assert not any(is_random(line) for line in mx.peers[0].lines)


# TLS


def test_the_fake_server_knows_a_random_recipient() -> None:
    assert is_random(b"RCPT TO:<tamiro.gofunapa0417@b.test>")
    assert not is_random(b"RCPT TO:<jane.doe@b.test>")
