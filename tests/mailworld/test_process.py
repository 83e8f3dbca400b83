"""The mail world as a command: its log, its delay, its killers, its end."""

import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests import fixtures_mail_world
from tests.fixtures_mail_world import MailWorld
from tests.mailworld.client import Conversation, ask, records, server_of


def test_options_and_end(tmp_path: Path) -> None:
    process, world = fixtures_mail_world.start(tmp_path / "log", "--killers", "--delay-ms", "100")
    try:
        assert records(world, "killer-exit.test", "MX") == ["10 mx.killer-exit.test."]
        began = time.monotonic()
        with Conversation(world, "slow-100.test") as conversation:
            conversation.reply()
            conversation.say("EHLO me")
            conversation.say("MAIL FROM:<me@me.example>", "RCPT TO:<a@slow-100.test>", "RSET")
        assert 0.6 <= time.monotonic() - began < 2  # three waits of 200 ms: a group waits once
        with Conversation(world, "silent.test"):
            seconds = fixtures_mail_world.stop(process)
    finally:
        process.kill()
    assert (process.returncode, seconds < 1) == (0, True)
    assert world.heard()[-1]["detail"] == "stop"


def test_interrupt_ends_it_as_well(tmp_path: Path) -> None:
    process, _ = fixtures_mail_world.start(tmp_path / "log")
    process.send_signal(signal.SIGINT)
    assert process.wait(2) == 0
    process.communicate()


def test_taken_port_is_told(mail_world: MailWorld) -> None:
    command = [sys.executable, "-m", "verification.mailworld", "--dns", mail_world.dns, "--smtp-port"]
    process = subprocess.run([*command, str(mail_world.smtp_port)], capture_output=True, text=True, timeout=20)
    assert (process.returncode, bool(re.match("mail world: .*address already in use", process.stderr))) == (1, True)


def test_log_keeps_every_byte(mail_world: MailWorld) -> None:
    strange = b"EHLO \x00\xff\xfe\xe9 me\r\n"
    with Conversation(mail_world, "bulk-77.test") as conversation:
        address, peer = conversation.socket.getpeername()[0], conversation.socket.getsockname()
        conversation.reply()
        conversation.socket.sendall(strange)
        conversation.reply()
        conversation.say("MAIL FROM:<me@me.example>", "QUIT")
        conversation.reply()
    events = [event for event in mail_world.heard() if event["peer"] == f"{peer[0]}:{peer[1]}"]
    assert [(event["event"], event["detail"].encode("latin-1")) for event in events] == [
        ("open", b""),
        ("command", strange),
        ("command", b"MAIL FROM:<me@me.example>\r\n"),
        ("command", b"QUIT\r\n"),
        ("close", b"quit"),
    ]
    assert {event["address"] for event in events} == {address}
    assert len({event["connection"] for event in events}) == 1
    assert all(abs(event["time"] - time.time()) < 60 for event in events)


def test_log_tells_a_lost_connection_and_half_a_line(mail_world: MailWorld) -> None:
    with Conversation(mail_world, "ok.test") as conversation:
        peer = conversation.socket.getsockname()
        conversation.reply()
        conversation.socket.sendall(b"EHLO half")
    events = [event for event in mail_world.heard() if event["peer"] == f"{peer[0]}:{peer[1]}"]
    assert [event["detail"] for event in events] == ["", "EHLO half", "lost"]


def test_hundred_connections_at_once(mail_world: MailWorld) -> None:
    address = server_of(mail_world, "ok.test")
    connections = [socket.create_connection((address, mail_world.smtp_port), timeout=5) for _ in range(100)]
    greetings = {connection.recv(100) for connection in connections}
    for connection in connections:
        connection.close()
    assert greetings == {b"220 mx.ok.test ESMTP\r\n"}
    assert ask(mail_world, "ok.test", "MX").answer
