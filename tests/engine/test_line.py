"""Queues and connections before a mail server, over real sockets."""

from __future__ import annotations

import asyncio
import re
import ssl

import pytest

from tests.engine.fake_smtp import (
    FULL_OFFER,
    HANG_UP,
    NOTHING,
    Peer,
    Script,
    but,
    client,
    honest,
    said,
    server,
    stepwise,
)
from tests.engine.in_loop import in_loop
from verification.engine.smtp.client import Patience
from verification.engine.types import Stage, Trouble
from verification.mailworld.certificate import server_context

PROMISED = re.compile(rb"^(EHLO|HELO|MAIL FROM:|RCPT TO:|RSET|QUIT|STARTTLS)[ -~]*$")
SHORT = Patience(connect=0.3, greeting=0.3, reply=0.3, handshake=0.3, quit=0.3, settle=0.05)
OK, MISSING, BLOCKED = "accepted 250", "no_mailbox 550", "we_are_refused 421"


@in_loop
async def test_many_recipients_share_a_connection_and_one_write() -> None:
    async with server() as mx, client(mx.port) as probe:
        attempts = await probe.ask("a@b.test", "missing@b.test", "c@b.test")
    assert said(attempts) == [OK, MISSING, OK]
    [peer] = mx.peers
    assert peer.reads == [
        b"EHLO probe.example.org\r\n",
        b"MAIL FROM:<probe@example.org>\r\nRCPT TO:<a@b.test>\r\nRCPT TO:<missing@b.test>\r\nRCPT TO:<c@b.test>\r\n"
        b"QUIT\r\n",
    ]


@in_loop
async def test_an_attempt_keeps_what_was_said() -> None:
    async with server() as mx, client(mx.port) as probe:
        [attempt] = await probe.ask("missing@b.test")
    assert (attempt.stage, attempt.host, attempt.address, attempt.source) == (
        Stage.RCPT,
        "mx.test",
        "127.0.0.1",
        "127.0.0.1",
    )
    assert (attempt.code, attempt.enhanced, attempt.text, attempt.tls) == (550, "5.1.1", "No such user", "")


@in_loop
async def test_step_by_step_without_pipelining() -> None:
    async with server(stepwise()) as mx, client(mx.port) as probe:
        attempts = await probe.ask("a@b.test", "missing@b.test")
    assert said(attempts) == [OK, MISSING]
    assert [read.count(b"\r\n") for read in mx.peers[0].reads] == [1, 1, 1, 1, 1]


@in_loop
async def test_no_more_refusals_on_one_connection_than_servers_bear() -> None:
    async with server() as mx, client(mx.port) as probe:
        attempts = await probe.ask(*(f"missing{n}@b.test" for n in range(40)))
    assert said(attempts) == [MISSING] * 40
    assert max(peer.count(b"RCPT") for peer in mx.peers) == 10


@in_loop
async def test_groups_follow_each_other_on_one_connection() -> None:
    async with server() as mx, client(mx.port, per_host=1) as probe:
        attempts = await probe.ask(*(f"a{n}@b.test" for n in range(60)))
    assert said(attempts) == [OK] * 60
    [peer] = mx.peers
    assert (peer.count(b"RSET"), peer.count(b"MAIL"), peer.count(b"QUIT")) == (3, 4, 1)


def limited(errors: int) -> Script:
    """Hang up with 421 in place of the answer after so many refusals."""

    def script(peer: Peer, line: bytes) -> bytes | None:
        refused = sum(b"missing" in each for each in peer.lines[:-1])
        return b"421 4.7.0 Too many errors\r\n" if refused >= errors else honest(peer, line)

    return script


@in_loop
async def test_whom_an_error_limit_cuts_off_is_asked_again_in_smaller_groups() -> None:
    async with server(limited(3)) as mx, client(mx.port) as probe:
        attempts = await probe.ask(*(f"missing{n}@b.test" for n in range(12)), "a@b.test", "c@b.test")
    assert said(attempts) == [MISSING] * 12 + [OK] * 2
    assert max(peer.count(b"RCPT") for peer in mx.peers[-3:]) == 2


@in_loop
async def test_a_connection_lost_within_a_group_is_taken_up_again() -> None:
    script = but(b"RCPT", b"250 Ok\r\n", b"250 Ok\r\n", HANG_UP)
    async with server(script) as mx, client(mx.port) as probe:
        attempts = await probe.ask(*(f"a{n}@b.test" for n in range(8)))
    assert said(attempts) == [OK] * 8
    assert len(mx.peers) > 3


@in_loop
async def test_too_many_recipients_says_nothing_of_them() -> None:
    script = but(b"RCPT", *[b"250 Ok\r\n"] * 4, b"452 4.5.3 Too many recipients\r\n")
    async with server(script) as mx, client(mx.port) as probe:
        attempts = await probe.ask(*(f"a{n}@b.test" for n in range(8)))
    assert said(attempts) == [OK] * 8


@pytest.mark.parametrize("verb", [b"EHLO", b"MAIL", b"RCPT"])
@in_loop
async def test_a_connection_that_breaks_each_time(verb: bytes) -> None:
    async with server(but(verb, HANG_UP)) as mx, client(mx.port) as probe:
        attempts = await probe.ask(*(f"a{n}@b.test" for n in range(5)))
    assert said(attempts) == ["reset 0"] * 5
    assert len(mx.peers) <= 4


@in_loop
async def test_nobody_listens() -> None:
    async with server() as mx:
        port = mx.port
    async with client(port) as probe:
        [attempt] = await probe.ask("a@b.test")
        assert probe.desk.dead.is_dead("127.0.0.1")
    assert (attempt.trouble, attempt.stage) == (Trouble.REFUSED, Stage.CONNECT)


@pytest.mark.parametrize(
    ("greeting", "expected"),
    [
        (b"554 5.7.1 Your address is on a block list\r\n", "we_are_refused 554"),
        (b"421 4.7.0 Too many connections\r\n", BLOCKED),
        (b"451 4.3.0 Later\r\n", "server_broken 451"),
        (b"220-" + b"x" * 300_000, "endless 0"),
        (b"220-chat\r\n" * 600, "endless 0"),
        (b"\x00\x01 junk\r\n" * 3, "garbage 0"),
        (b"220 hi\r\n250 hello\r\n", "garbage 0"),
        (b"220 hi\r\n25", "garbage 0"),
        (b"", "timeout 0"),
        (b"220-wait", "timeout 0"),
    ],
)
@in_loop
async def test_a_greeting_that_leads_nowhere(greeting: bytes, expected: str) -> None:
    async with server(greeting=greeting) as mx, client(mx.port, patience=SHORT) as probe:
        assert said(await probe.ask("a@b.test", "c@b.test")) == [expected, expected]


@pytest.mark.parametrize("verb", [b"EHLO", b"MAIL", b"RCPT"])
@in_loop
async def test_a_server_that_falls_silent(verb: bytes) -> None:
    async with server(but(verb, NOTHING, otherwise=stepwise())) as mx, client(mx.port, patience=SHORT) as probe:
        [attempt] = await probe.ask("a@b.test")
    assert (attempt.trouble, attempt.stage) == (Trouble.TIMEOUT, Stage(verb.decode().lower()))


@in_loop
async def test_a_silent_goodbye_spoils_nothing() -> None:
    async with server(but(b"QUIT", NOTHING)) as mx, client(mx.port, patience=SHORT) as probe:
        assert said(await probe.ask("a@b.test")) == [OK]


@in_loop
async def test_a_reply_too_many_spoils_all_answers_of_its_group() -> None:
    script = but(b"RCPT", b"250 Ok\r\n250 Ok\r\n")
    async with server(script) as mx, client(mx.port, patience=SHORT) as probe:
        attempts = await probe.ask("a@b.test", "c@b.test")
    assert said(attempts) == ["garbage 0", "garbage 0"]


@in_loop
async def test_an_odd_goodbye_is_a_reason_to_ask_again_step_by_step() -> None:
    async with server(but(b"QUIT", b"250 Ok\r\n")) as mx, client(mx.port, patience=SHORT) as probe:
        assert said(await probe.ask("a@b.test", "missing@b.test")) == [OK, MISSING]
    assert [len(peer.reads) for peer in mx.peers] == [2, 5]


@in_loop
async def test_nonsense_around_a_refusal_is_no_refusal() -> None:
    script = but(b"RCPT", b"\x00\xffjunk\r\n550 5.1.1 No such user\r\n")
    async with server(script) as mx, client(mx.port) as probe:
        assert said(await probe.ask("a@b.test")) == ["unclear 550"]


@in_loop
async def test_a_refused_sender_concerns_its_own_recipients_only() -> None:
    script = but(b"MAIL FROM:<BAD", b"550 5.7.1 sender refused\r\n")
    async with server(script) as mx, client(mx.port, per_host=1) as probe:
        answers = [
            probe.put("a@b.test", sender="bad@example.org"),
            probe.put("c@b.test"),
            probe.put("d@b.test", sender="bad@example.org"),
        ]
        attempts = await asyncio.gather(*answers)
    assert said(attempts) == ["policy 550", OK, "policy 550"]
    assert [attempt.stage for attempt in attempts] == [Stage.MAIL, Stage.RCPT, Stage.MAIL]


@in_loop
async def test_utf8_only_where_it_is_offered() -> None:
    async with server() as mx, client(mx.port) as probe:
        attempts = await asyncio.gather(probe.put("josé@b.test", smtputf8=True), probe.put("a@b.test"))
    assert said(attempts) == [OK, OK]
    assert [line for line in mx.peers[0].lines if line.startswith(b"MAIL")] == [
        b"MAIL FROM:<probe@example.org> SMTPUTF8",
        b"MAIL FROM:<probe@example.org>",
    ]


@in_loop
async def test_utf8_where_it_is_not_offered_is_told_without_asking() -> None:
    async with server(stepwise()) as mx, client(mx.port) as probe:
        attempts = await asyncio.gather(probe.put("josé@b.test", smtputf8=True), probe.put("a@b.test"))
    assert said(attempts) == ["no_smtputf8 0", OK]
    assert all(PROMISED.fullmatch(line) for line in mx.peers[0].lines)


# Catch-all


def demanding(peer: Peer, line: bytes) -> bytes | None:
    if line == b"STARTTLS":
        return b"220 Go ahead\r\n"
    if line.startswith(b"EHLO"):
        return FULL_OFFER if peer.is_secure else b"250-mx.test\r\n250-PIPELINING\r\n250 STARTTLS\r\n"
    if peer.is_secure or line == b"QUIT":
        return honest(peer, line)
    return b"530 5.7.0 Must issue a STARTTLS command first\r\n"


@pytest.fixture(scope="module")
def certificate() -> ssl.SSLContext:
    return server_context()


@in_loop
async def test_tls_where_it_is_demanded_and_at_once_the_next_time(certificate: ssl.SSLContext) -> None:
    async with server(demanding, context=certificate) as mx, client(mx.port) as probe:
        attempts = await probe.ask("a@b.test", "missing@b.test")
        await asyncio.sleep(0.1)
        await probe.ask("c@b.test")
    assert said(attempts) == [OK, MISSING]
    assert re.fullmatch(r"TLSv1\.\d certificate sha256:[0-9a-f]{64}", attempts[0].tls)
    assert [line.split(b" ")[0] for line in mx.peers[1].lines[:3]] == [b"EHLO", b"STARTTLS", b"EHLO"]


@in_loop
async def test_a_handshake_that_fails() -> None:
    async with server(demanding) as mx, client(mx.port, patience=SHORT) as probe:
        [attempt] = await probe.ask("a@b.test")
    assert (attempt.trouble, attempt.meaning.value) == (Trouble.TLS, "unclear")


@in_loop
async def test_replies_injected_before_the_handshake_count_for_nothing(certificate: ssl.SSLContext) -> None:
    script = but(b"STARTTLS", b"220 Go ahead\r\n250 injected\r\n", otherwise=demanding)
    async with server(script, context=certificate) as mx, client(mx.port, patience=SHORT) as probe:
        assert said(await probe.ask("a@b.test")) == ["garbage 0"]


# Pacing, giving up, closing


@in_loop
async def test_never_more_connections_than_the_pacing_allows() -> None:
    now: set[int] = set()
    most = 0

    def script(peer: Peer, line: bytes) -> bytes | None:
        nonlocal most
        if line.startswith(b"QUIT"):
            now.discard(peer.number)
        else:
            now.add(peer.number)
        most = max(most, len(now))
        return honest(peer, line)

    async with server(script) as mx, client(mx.port, per_host=3) as probe:
        assert said(await probe.ask(*(f"a{n}@b.test" for n in range(300)))) == [OK] * 300
    assert most == 3


@in_loop
async def test_after_three_refusals_nobody_knocks_any_more() -> None:
    async with server(greeting=b"421 4.7.0 Too many connections\r\n") as mx, client(mx.port) as probe:
        outcomes = [said(await probe.ask("a@b.test"))[0] for _ in range(5)]
    assert outcomes == [BLOCKED, BLOCKED, BLOCKED, "backoff 0", "backoff 0"]
    assert len(mx.peers) == 3


@in_loop
async def test_who_is_no_longer_waited_for_leaves_nothing_behind() -> None:
    async with server(but(b"RCPT", NOTHING)) as mx, client(mx.port) as probe:
        answer = probe.put("a@b.test")
        await asyncio.sleep(0.1)
        line = probe.desk.line(probe.route)
        answer.cancel()
        line.drop(probe.inquiries[0])
        await asyncio.sleep(0.1)
        assert not line.tasks
        assert mx.peers[0].count(b"RCPT") == 1


@in_loop
async def test_closing_ends_everything_at_once_and_blames_our_time() -> None:
    async with server(but(b"EHLO", NOTHING)) as mx, client(mx.port) as probe:
        answers = [probe.put(f"a{n}@b.test") for n in range(30)]
        await asyncio.sleep(0.1)
        began = asyncio.get_running_loop().time()
        await probe.desk.aclose()
        assert asyncio.get_running_loop().time() - began < 1
        assert said(await asyncio.gather(*answers)) == ["deadline 0"] * 30


@in_loop
async def test_no_packet_goes_where_the_guard_forbids() -> None:
    async with server() as mx, client(mx.port) as probe:
        probe.route = type(probe.route)(("0 x",), "x", "192.168.0.1", mx.port, "x")
        assert said(await probe.ask("a@b.test")) == ["guarded 0"]


@in_loop
async def test_everything_that_was_sent_is_as_promised() -> None:
    async with server(limited(2)) as mx, client(mx.port) as probe:
        await probe.ask(*(f"missing{n}@b.test" for n in range(6)), "a@b.test", catch_all=True)
    sent = [line for peer in mx.peers for line in peer.lines]
    assert [line for line in sent if not PROMISED.fullmatch(line) or len(line) > 510] == []
    assert len(sent) > 10
