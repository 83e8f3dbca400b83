"""A plain client of the mail world: a question over DNS, a conversation over a blocking socket."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

import dns.message
import dns.query
import dns.rrset

from tests.fixtures_mail_world import MailWorld

PATIENCE_SECONDS = 5.0


def ask(world: MailWorld, name: str, rdtype: str, *, timeout: float = PATIENCE_SECONDS) -> dns.message.Message:
    """Ask over UDP, over TCP when truncated.  Raises dns.exception.Timeout."""
    host, port = world.dns_endpoint
    query = dns.message.make_query(name, rdtype)
    reply, _ = dns.query.udp_with_fallback(query, host, timeout=timeout, port=port)
    return reply


def records(world: MailWorld, name: str, rdtype: str) -> list[str]:
    return [str(record) for rrset in ask(world, name, rdtype).answer for record in rrset]


def server_of(world: MailWorld, domain: str) -> str:
    """Give the address of the domain's last mail host, its own address where it has none."""
    exchanges = records(world, domain, "MX")
    [address] = records(world, exchanges[-1].split()[1] if exchanges else domain, "A")
    return address


class Conversation:
    """A connection to one mail server."""

    def __init__(self, world: MailWorld, domain: str, *, address: str = "") -> None:
        where = (address or server_of(world, domain), world.smtp_port)
        self.socket = socket.create_connection(where, timeout=PATIENCE_SECONDS)
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self.socket.close()

    def reply(self) -> str:
        """Read a whole reply, lines joined by \\n; "" at the end of the connection."""
        lines = []
        while line := self._file.readline():
            lines.append(line.decode("latin-1").rstrip("\r\n"))
            if line[3:4] != b"-":
                break
        return "\n".join(lines)

    def say(self, *lines: str) -> list[str]:
        """Send the lines in one write and read as many replies."""
        self.socket.sendall("".join(f"{line}\r\n" for line in lines).encode())
        return [self.reply() for _ in lines]

    def start(self) -> str:
        """Come as far as a sender; give the reply to EHLO."""
        self.reply()
        [greeted] = self.say("EHLO me.example")
        self.say("MAIL FROM:<me@me.example>")
        return greeted


def verdict_on(world: MailWorld, mailbox: str) -> str:
    """Give the reply to RCPT of a mailbox."""
    with Conversation(world, mailbox.rpartition("@")[2]) as conversation:
        conversation.start()
        return conversation.say(f"RCPT TO:<{mailbox}>")[0]
