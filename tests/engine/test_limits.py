"""What servers bear: connections at a time, refusals on one of them; and what they say instead, over real sockets."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from tests.engine.fake_smtp import FULL_OFFER, HANG_UP, Client, Door, Peer, Script, but, client, honest, said, server
from tests.engine.in_loop import in_loop
from verification.engine.smtp import habits
from verification.engine.smtp.client import Patience
from verification.engine.smtp.desk import Route
from verification.engine.smtp.habits import FEW_ERRORS, MAX_GROUP
from verification.engine.smtp.line import FAIR_SHARE
from verification.engine.types import Attempt, Stage, Trouble
from verification.mailworld.certificate import server_context

OK, MISSING, BLOCKED = "accepted 250", "no_mailbox 550", "we_are_refused 421"
SHORT = Patience(connect=0.3, greeting=0.3, reply=0.3, handshake=0.3, quit=0.3, settle=0.05)
MANY = tuple(f"missing{n}@b.test" for n in range(40))


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Knock again sooner than a server would like."""
    monkeypatch.setattr(habits, "KNOCK_AGAIN_SECONDS", (0.1, 0.1))


# Connections at a time


@in_loop
async def test_whom_a_second_connection_would_have_served_the_first_one_serves() -> None:
    async with server(door=Door(1)) as mx, client(mx.port) as probe:
        attempts = await probe.ask(*MANY)
    assert said(attempts) == [MISSING] * 40
    assert mx.turned_away == 1


@in_loop
async def test_the_only_connection_makes_room_for_nobody() -> None:
    async with server(door=Door(1)) as mx, client(mx.port) as probe:
        attempts = await probe.ask(*(f"a{n}@b.test" for n in range(200)))
    assert said(attempts) == [OK] * 200
    assert (len(mx.peers), mx.turned_away) == (2, 1)


@in_loop
async def test_no_more_connections_than_were_let_in_before() -> None:
    async with server(door=Door(3)) as mx, client(mx.port) as probe:
        for _ in range(3):
            assert said(await probe.ask(*MANY)) == [MISSING] * 40
    assert mx.turned_away == 1


@in_loop
async def test_a_server_that_is_slow_to_see_our_goodbye_is_asked_again(soon: None) -> None:
    async with server(door=Door(1, notices_after=0.15)) as mx, client(mx.port) as probe:
        attempts = await probe.ask(*MANY[:20])
    assert said(attempts) == [MISSING] * 20
    assert mx.turned_away == 3  # the second at once, two knocks too early


@in_loop
async def test_a_new_queue_knows_that_another_connection_has_just_ended(soon: None) -> None:
    async with server(door=Door(1, notices_after=0.05)) as mx, client(mx.port) as probe:
        assert said(await probe.ask("a@b.test")) == [OK]
        await asyncio.sleep(0.02)
        assert said(await probe.ask("c@b.test")) == [OK]
    assert mx.turned_away == 1


@in_loop
async def test_a_server_that_never_sees_our_goodbye_is_left_after_three_knocks(soon: None) -> None:
    async with server(door=Door(1, notices_after=60)) as mx, client(mx.port, per_host=1) as probe:
        attempts = await probe.ask(*MANY[:20])
    assert said(attempts) == [MISSING] * 10 + [BLOCKED] * 10
    assert mx.turned_away == 3


@in_loop
async def test_who_runs_out_of_time_at_the_door_is_told_what_was_said_there() -> None:
    async with server(door=Door(1, notices_after=60)) as mx, client(mx.port, per_host=1) as probe:
        await probe.ask("a@b.test")
        answer = probe.put("c@b.test")
        await asyncio.sleep(0.2)
        place = probe.desk.line(probe.route)
        assert said([place.blame(probe.inquiries[-1])]) == [BLOCKED]
        answer.cancel()
        place.drop(probe.inquiries[-1])
        await asyncio.sleep(0.05)
        assert not place.tasks


async def at_many_routes(probe: Client, count: int, *mailboxes: str) -> list[Attempt]:
    """Ask at one address through queues of their own, as domains with mail hosts of their own do."""
    answers = []
    for number in range(count):
        probe.route = Route((f"0 mx{number}.test",), f"mx{number}.test", "127.0.0.1", probe.route.port, f"mx{number}")
        answers += [probe.put(mailbox) for mailbox in mailboxes]
    return await asyncio.gather(*answers)


@in_loop
async def test_domains_at_one_address_share_what_it_bears() -> None:
    async with server(door=Door(2)) as mx, client(mx.port) as probe:
        attempts = await at_many_routes(probe, 8, "a@b.test", "missing@b.test")
    assert said(attempts) == [OK, MISSING] * 8
    assert mx.turned_away == 6


@in_loop
async def test_the_only_connection_makes_room_for_other_domains() -> None:
    async with server(door=Door(1)) as mx, client(mx.port) as probe:
        attempts = await at_many_routes(probe, 2, *(f"a{n}@b.test" for n in range(150)))
    assert said(attempts) == [OK] * 300
    served = [peer.count(b"RCPT") for peer in mx.peers]
    assert max(served) < FAIR_SHARE + MAX_GROUP


@in_loop
async def test_where_nobody_is_let_in_those_behind_do_not_knock_again() -> None:
    async with server(door=Door(0)) as mx, client(mx.port) as probe:
        assert said(await at_many_routes(probe, 8, "a@b.test")) == [BLOCKED] * 8
        assert len(mx.peers) == 9
        mx.door.at_once = 5
        assert said(await probe.ask(*MANY)) == [MISSING] * 40
        assert said(await at_many_routes(probe, 4, "a@b.test")) == [OK] * 4
    assert mx.turned_away == 9


# A limit of the connection in a recipient's place


def too_many(refusals: int, *, then: bytes = b"") -> Script:
    """Refuse us in place of the recipient after so many refusals; hang up then, or go on."""
    speech = b"550 REJECTED - Too many failed recipients - count = 3\r\n"

    def script(peer: Peer, line: bytes) -> bytes | None:
        if sum(b"missing" in each for each in peer.lines[:-1]) < refusals or not line.startswith(b"RCPT"):
            return honest(peer, line)
        peer.limited += 1
        return speech if then or peer.limited == 1 else HANG_UP

    return script


@pytest.mark.parametrize("then", [b"", b"go on"], ids=["hangs up", "goes on"])
@in_loop
async def test_too_many_refused_recipients_are_our_connections_fault(then: bytes) -> None:
    async with server(too_many(3, then=then)) as mx, client(mx.port, per_host=1) as probe:
        attempts = await probe.ask("a@b.test", *MANY[:12], "c@b.test")
        assert probe.desk.habits.of("127.0.0.1").errors == 3
    assert said(attempts) == [OK, *[MISSING] * 12, OK]
    assert [peer.limited > 0 for peer in mx.peers][:2] == [True, False]


@in_loop
async def test_a_recipient_for_whom_we_are_refused_is_told_so_in_the_end() -> None:
    script = but(b"RCPT TO:<PICKY", b"550 5.7.1 Your address is on a block list\r\n")
    async with server(script) as mx, client(mx.port) as probe:
        attempts = await probe.ask("a@b.test", "picky@b.test", "c@b.test")
    assert said(attempts) == [OK, "we_are_refused 550", OK]
    assert [peer.count(b"RCPT") for peer in mx.peers] == [3, 1]


@in_loop
async def test_a_refusal_of_us_without_a_missing_recipient_is_no_limit_of_errors() -> None:
    script = but(b"RCPT", b"250 Ok\r\n", b"250 Ok\r\n", b"550 5.7.1 Your address is on a block list\r\n", HANG_UP)
    async with server(script) as mx, client(mx.port) as probe:
        attempts = await probe.ask(*(f"a{n}@b.test" for n in range(5)))
        assert probe.desk.habits.of("127.0.0.1").errors == FEW_ERRORS
    assert said(attempts) == [OK] * 5


@in_loop
async def test_421_for_one_recipient_concerns_it_alone() -> None:
    script = but(b"RCPT TO:<SHUT", b"421 4.3.2 Later\r\n")
    async with server(script) as mx, client(mx.port) as probe:
        attempts = await probe.ask("shut@b.test", "a@b.test", "shut2@b.test", "missing@b.test")
    assert said(attempts) == ["server_broken 421", OK, "server_broken 421", MISSING]


@pytest.mark.parametrize("reply", [b"421 4.7.0 Too many errors\r\n", b"421 4.3.2 Later\r\n"], ids=["us", "them"])
@in_loop
async def test_421_for_everybody_is_heard_a_few_times_only(reply: bytes) -> None:
    async with server(but(b"RCPT", reply)) as mx, client(mx.port) as probe:
        attempts = await probe.ask(*(f"a{n}@b.test" for n in range(9)))
    assert len(set(said(attempts))) == 1
    assert attempts[0].code == 421
    assert len(mx.peers) == 4


# EHLO and TLS


@pytest.mark.parametrize(
    ("reply", "expected"),
    [(b"550 your HELO is refused here\r\n", "we_are_refused 550"), (b"502 what?\r\n", "reset 0")],
)
@in_loop
async def test_who_hangs_up_on_helo_has_refused_us_with_ehlo(reply: bytes, expected: str) -> None:
    async with server(but(b"EHLO", reply, otherwise=but(b"HELO", HANG_UP))) as mx, client(mx.port) as probe:
        [attempt] = await probe.ask("a@b.test")
    assert (said([attempt]), attempt.stage) == ([expected], Stage.EHLO)


def demanding(verb: bytes, reply: bytes) -> Script:
    """Say so until TLS is there."""

    def script(peer: Peer, line: bytes) -> bytes | None:
        if line == b"STARTTLS":
            return b"220 Go ahead\r\n"
        if line.startswith(b"EHLO"):
            return FULL_OFFER if peer.is_secure else b"250-mx.test\r\n250-PIPELINING\r\n250 STARTTLS\r\n"
        return reply if line.startswith(verb) and not peer.is_secure else honest(peer, line)

    return script


@pytest.fixture(scope="module")
def certificate() -> ssl.SSLContext:
    return server_context()


@pytest.mark.parametrize(
    ("verb", "reply"),
    [
        (b"MAIL", b"550 5.7.10 no\r\n"),
        (b"MAIL", b"550 TLS encryption required\r\n"),
        (b"RCPT", b"450 4.7.1 <a@b.test>: Recipient address rejected: Session encryption is required\r\n"),
    ],
    ids=["enhanced code", "text", "Postfix"],
)
@in_loop
async def test_tls_where_it_is_demanded_in_other_words(certificate: ssl.SSLContext, verb: bytes, reply: bytes) -> None:
    async with server(demanding(verb, reply), context=certificate) as mx, client(mx.port) as probe:
        attempts = await probe.ask("a@b.test", "missing@b.test")
        again = await probe.ask("c@b.test")
    assert said([*attempts, *again]) == [OK, MISSING, OK]
    assert [b"STARTTLS" in peer.lines for peer in mx.peers] == [False, True, True]


@in_loop
async def test_a_handshake_that_fails_has_a_stage_of_its_own() -> None:
    async with server(demanding(b"MAIL", b"530 no\r\n")) as mx, client(mx.port, patience=SHORT) as probe:
        [attempt] = await probe.ask("a@b.test")
    assert (attempt.trouble, attempt.stage) == (Trouble.TLS, Stage.STARTTLS)
