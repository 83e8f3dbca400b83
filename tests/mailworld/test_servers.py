"""The mail servers of the mail world, row by row, over real sockets."""

import socket
import ssl
import time

import pytest

from tests.fixtures_mail_world import MailWorld
from tests.mailworld.client import Conversation, server_of, verdict_on
from verification.engine.strangers import stranger

HONEST = ["ok", "bulk", "bulk-17", "noutf8", "slow-5", "deadfirst", "twentymx", "implicit", "mxservfail", "dea", "trap"]
HONEST += ["privatefirst", "bytewise", "errorlimit", "greylist-pass-0"]


@pytest.mark.parametrize("name", HONEST)
def test_honest_servers(mail_world: MailWorld, name: str) -> None:
    domain = f"{name}.test"
    with Conversation(mail_world, domain) as conversation:
        conversation.start()
        replies = [
            conversation.say(f"RCPT TO:<{user}@{domain}>")[0] for user in ("anna", "Missing.one", "full", "full5")
        ]
    expected = ["250 2.1.5 Ok", "550 5.1.1 No such user here", "452 4.2.2 Mailbox full", "552 5.2.2 Mailbox full"]
    if name == "errorlimit":
        assert expected[:3] == replies[:3]
    else:
        assert expected == replies


def test_strangers_do_not_exist(mail_world: MailWorld) -> None:
    assert verdict_on(mail_world, f"{stranger()}@ok.test") == "550 5.1.1 No such user here"
    assert verdict_on(mail_world, f"{stranger()}@catchall.test") == "250 2.1.5 Ok"


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        ("catchall", "250 2.1.5 Ok"),
        ("greylist", "450 4.2.0 Recipient address rejected: Greylisted, try again"),
        ("blocked", "550 5.7.1 Service unavailable; client host is blocked using bl.world.test"),
        ("broken", "451 4.3.0 Temporary lookup failure"),
        ("policy", "550 5.7.1 Sender refused by policy"),
        ("relay", "554 5.7.1 Relay access denied"),
        ("mute", "252 2.1.5 Cannot verify the user, will try"),
    ],
)
def test_servers_that_treat_everybody_alike(mail_world: MailWorld, name: str, reply: str) -> None:
    assert {verdict_on(mail_world, f"{user}@{name}.test") for user in ("anna", "missing", "full")} == {reply}


def test_no_server_answers_for_others(mail_world: MailWorld) -> None:
    with Conversation(mail_world, "ok.test") as conversation:
        conversation.start()
        reply = conversation.say("RCPT TO:<anna@bulk-1.test>")[0]
    assert reply == "554 5.7.1 Relay access denied: not a domain of this host"


def test_extensions(mail_world: MailWorld) -> None:
    with Conversation(mail_world, "ok.test") as conversation:
        assert conversation.start().split("\n")[1:] == [
            "250-PIPELINING",
            "250-SIZE 10485760",
            "250-8BITMIME",
            "250-ENHANCEDSTATUSCODES",
            "250 SMTPUTF8",
        ]


def test_plain_knows_helo_only(mail_world: MailWorld) -> None:
    with Conversation(mail_world, "plain.test") as conversation:
        conversation.reply()
        lines = ["EHLO me", "HELO me", "MAIL FROM:<me@me.example>", "RCPT TO:<missing@plain.test>"]
        assert [conversation.say(line)[0] for line in lines] == [
            "500 5.5.2 Command not recognized",
            "250 Hello",
            "250 2.1.0 Ok",
            "550 5.1.1 No such user here",
        ]


def test_smtputf8(mail_world: MailWorld) -> None:
    lines = ["EHLO me", "MAIL FROM:<me@me.example> SMTPUTF8", "RCPT TO:<josé@ok.test>"]
    with Conversation(mail_world, "ok.test") as conversation:
        conversation.reply()
        assert [conversation.say(line)[0] for line in lines][1:] == ["250 2.1.0 Ok", "250 2.1.5 Ok"]
    with Conversation(mail_world, "noutf8.test") as conversation:
        conversation.reply()
        assert [conversation.say(line)[0] for line in lines][1:] == [
            "555 5.5.4 Unsupported option",
            "503 5.5.1 Bad sequence of commands",
        ]
    assert verdict_on(mail_world, "josé@ok.test") == "553 5.6.7 The address needs SMTPUTF8"


def test_starttls(mail_world: MailWorld) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with Conversation(mail_world, "starttls.test") as clear:
        clear.reply()
        assert clear.say("EHLO me")[0].split("\n")[-1] == "250 STARTTLS"
        assert clear.say("MAIL FROM:<me@me.example>") == ["530 5.7.0 Must issue a STARTTLS command first"]
        assert clear.say("STARTTLS") == ["220 2.0.0 Ready to start TLS"]
        with context.wrap_socket(clear.socket) as secure, secure.makefile("rwb") as file:
            for line in (b"EHLO me", b"MAIL FROM:<me@me.example>", b"RCPT TO:<missing@starttls.test>", b"QUIT"):
                file.write(line + b"\r\n")
            file.flush()
            heard = [line for line in file.read().split(b"\r\n") if line[3:4] == b" "]
    assert heard == [b"250 SMTPUTF8", b"250 2.1.0 Ok", b"550 5.1.1 No such user here", b"221 2.0.0 Bye"]


def test_group_is_answered_in_order(mail_world: MailWorld) -> None:
    with Conversation(mail_world, "bulk-3.test") as conversation:
        conversation.reply()
        conversation.say("EHLO me")
        group = [
            "MAIL FROM:<me@me.example>",
            "RCPT TO:<a@bulk-3.test>",
            "RCPT TO:<missing@bulk-3.test>",
            "RSET",
            "QUIT",
        ]
        assert [reply[:3] for reply in conversation.say(*group)] == ["250", "250", "550", "250", "221"]
        assert conversation.reply() == ""


def test_bad_sequences(mail_world: MailWorld) -> None:
    with Conversation(mail_world, "ok.test") as conversation:
        conversation.reply()
        lines = [
            "RCPT TO:<a@ok.test>",
            "MAIL FROM:<a@b.c>",
            "EHLO me",
            "MAIL FROM:a@b.c",
            "VRFY a",
            "DATA",
            "NOOP",
            "?",
        ]
        replies = [conversation.say(line)[0][:3] for line in lines]
    assert replies == ["503", "503", "250", "501", "252", "554", "250", "500"]


def test_endless_line_is_cut(mail_world: MailWorld) -> None:
    with Conversation(mail_world, "ok.test") as conversation:
        conversation.reply()
        conversation.socket.sendall(b"x" * 5_000)
        assert conversation.reply() == "500 5.5.6 Line too long"


@pytest.mark.parametrize(
    ("name", "greeting"),
    [
        ("blocked-greeting", "554 5.7.1 Service unavailable; client host is blocked using bl.world.test"),
        ("busy", "421 4.7.0 Too many connections"),
    ],
)
def test_greetings_that_refuse(mail_world: MailWorld, name: str, greeting: str) -> None:
    with Conversation(mail_world, f"{name}.test") as conversation:
        assert conversation.reply() == greeting
        if name == "blocked-greeting":
            assert conversation.say("EHLO me", "QUIT") == ["503 5.5.1 Bad sequence of commands", "221 2.0.0 Bye"]
        assert conversation.reply() == ""


STAGES = ["EHLO me", "MAIL FROM:<me@me.example>", "RCPT TO:<anna@reset.test>"]


@pytest.mark.parametrize(("stage", "replies"), [("greeting", 0), ("ehlo", 1), ("mail", 2), ("rcpt", 3)])
@pytest.mark.parametrize("number", ["", "-3"])
def test_resets(mail_world: MailWorld, stage: str, replies: int, number: str) -> None:
    with Conversation(mail_world, f"reset-{stage}{number}.test") as conversation:
        heard = [_exchange(conversation, line) for line in ["", *STAGES]]
    assert [bool(reply) for reply in heard] == [True] * replies + [False] * (4 - replies)


@pytest.mark.parametrize("domain", ["reset-connect.test", "reset-connect-3.test"])
def test_reset_at_connect(mail_world: MailWorld, domain: str) -> None:
    address = server_of(mail_world, domain)
    with socket.socket() as connection, pytest.raises(ConnectionResetError):  # noqa: PT012 - either may be told
        connection.settimeout(5)
        connection.connect((address, mail_world.smtp_port))
        connection.recv(1)


def _exchange(conversation: Conversation, line: str) -> str:
    """Send a line, if any; give the reply, "" when the connection is reset."""
    try:
        conversation.socket.sendall(f"{line}\r\n".encode() if line else b"")
        reply = conversation.reply()
    except (ConnectionResetError, BrokenPipeError):
        return ""
    assert reply, "the stream ended without a reset"
    return reply


def test_errorlimit_closes_after_three(mail_world: MailWorld) -> None:
    with Conversation(mail_world, "errorlimit.test") as conversation:
        conversation.start()
        lines = ["RCPT TO:<anna@errorlimit.test>", *["RCPT TO:<missing@errorlimit.test>"] * 5]
        replies = conversation.say(*lines)
    assert [reply[:3] for reply in replies] == ["250", "550", "550", "550", "421", ""]


def test_greylist_passes_after_its_time(mail_world: MailWorld) -> None:
    mailbox = "anna@greylist-pass-1-8.test"
    assert verdict_on(mail_world, mailbox)[:3] == "450"
    assert verdict_on(mail_world, mailbox)[:3] == "450"
    time.sleep(1)
    assert verdict_on(mail_world, "missing" + mailbox)[:3] == "450"  # another recipient starts anew
    assert verdict_on(mail_world, mailbox)[:3] == "250"


@pytest.mark.parametrize("name", ["tarpit", "tarpit-7"])
def test_tarpit_speaks_one_byte(mail_world: MailWorld, name: str) -> None:
    with Conversation(mail_world, f"{name}.test") as conversation:
        time.sleep(0.3)
        assert conversation.socket.recv(100) == b"2"


def test_silent_says_nothing(mail_world: MailWorld) -> None:
    with Conversation(mail_world, "silent.test") as conversation:
        conversation.socket.settimeout(0.3)
        conversation.socket.sendall(b"EHLO me\r\n")
        with pytest.raises(TimeoutError):
            conversation.socket.recv(1)


def test_chatty_never_ends(mail_world: MailWorld) -> None:
    with Conversation(mail_world, "chatty.test") as conversation:
        heard = b""
        while len(heard) < 20_000:
            heard += conversation.socket.recv(4096)
    assert {line[:4] for line in heard.split(b"\r\n")[:-1]} == {b"220-"}


def test_garbage_surrounds_an_honest_reply(mail_world: MailWorld) -> None:
    with Conversation(mail_world, "garbage.test") as conversation:
        conversation.start()
        reply = conversation.say("RCPT TO:<missing@garbage.test>")[0]
    noise, long, honest = reply.split("\n")
    assert ("\0" in noise, len(long), honest[:9]) == (True, 10_004, "550 5.1.1")


def test_bytewise_sends_many_pieces(mail_world: MailWorld) -> None:
    pieces = 0
    with Conversation(mail_world, "bytewise.test") as conversation:
        heard = b""
        while not heard.endswith(b"\r\n"):
            heard += conversation.socket.recv(4096)
            pieces += 1
    assert heard == b"220 mx.bytewise.test ESMTP\r\n"
    assert pieces > 3  # the kernel may join some


def test_slow_is_slow(mail_world: MailWorld) -> None:
    began = time.monotonic()
    with Conversation(mail_world, "slow-150-2.test") as conversation:
        conversation.start()
    assert 0.45 <= time.monotonic() - began < 2


def test_closed_port_of_webonly(mail_world: MailWorld) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((server_of(mail_world, "webonly.test"), mail_world.smtp_port), timeout=5)


def test_addresses_are_spread(mail_world: MailWorld) -> None:
    addresses = {server_of(mail_world, f"bulk-{number}.test") for number in range(100)}
    assert len(addresses) == 100
    assert {address.rpartition(".")[0][:6] for address in addresses} == {"127.1."}
