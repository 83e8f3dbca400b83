"""What a zone, its server or somebody beside it may send in place of an answer."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import Iterator

from tests.engine.fake_dns import FakeDns, Query, Script, answer, says, silent

A, CNAME, MX, NS = 1, 5, 15, 2
OWNER = b"\xc0\x0c"  # a pointer to the name in question
RESPONSE, TRUNCATED = 0x8180, 0x0200
NULL_MX = struct.pack("!H", 0) + b"\0"


class TrickDns(FakeDns):
    """A fake name server that may drip over TCP, and forge packets from a port of its own."""

    seconds_a_byte: float = 0.0
    tcp_size: int = 0  # said in place of the true one
    closes_tcp: bool = False

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            size = int.from_bytes(await reader.readexactly(2), "big")
            [packet] = self.packets(await reader.readexactly(size), "tcp")
            if not self.closes_tcp:
                await self._drip(writer, (self.tcp_size or len(packet)).to_bytes(2, "big") + packet)
                await reader.read()
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    async def _drip(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        if not self.seconds_a_byte:
            writer.write(data)
            return
        for number in range(len(data)):
            writer.write(data[number : number + 1])
            await writer.drain()
            await asyncio.sleep(self.seconds_a_byte)

    def forge(self, script: Script) -> Script:
        """Send what a script says from another port than the one that was asked, and nothing from that."""

        def forging(query: Query, transport: str) -> list[bytes]:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                for packet in script(query, transport):
                    stranger.sendto(packet, (self.host, self.last_source))
            return []

        return forging


def question_wire(query: Query) -> bytes:
    question = query.question[0]
    return question.name.to_wire() + struct.pack("!HH", question.rdtype, 1)  # type: ignore[operator]  # bytes: no file


def packet(
    query: Query, *rrs: bytes, flags: int = RESPONSE, ident: int | None = None, answers: int | None = None
) -> bytes:
    """Write an answer by hand."""
    counts = (1, len(rrs) if answers is None else answers, 0, 0)
    header = struct.pack("!6H", query.id if ident is None else ident, flags, *counts)
    return header + question_wire(query) + b"".join(rrs)


def rr(rdtype: int, data: bytes, *, owner: bytes = OWNER, ttl: int = 300, length: int | None = None) -> bytes:
    return owner + struct.pack("!HHIH", rdtype, 1, ttl, len(data) if length is None else length) + data


def name(*labels: bytes) -> bytes:
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def raw(*rrs: bytes, flags: int = RESPONSE, answers: int | None = None) -> Script:
    return lambda query, _: [packet(query, *rrs, flags=flags, answers=answers)]


def mail_exchange(*labels: bytes) -> Script:
    """Answer with one MX of odd labels."""
    return raw(rr(MX, struct.pack("!H", 10) + name(*labels)))


def noise(query: Query, _: str) -> list[bytes]:
    """Send packets that begin with the right id and go on by chance."""
    chance = random.Random(query.id)
    whole = packet(query, rr(MX, NULL_MX))
    return [*(whole[:2] + chance.randbytes(chance.randrange(500)) for _ in range(20)), b"", whole[:11]]


def spoofs(query: Query) -> Iterator[bytes]:
    """Give packets with a lie in them, each wrong in one thing: id, question, direction, number of questions."""
    lie = rr(MX, NULL_MX)
    for step in range(1, 40):
        yield packet(query, lie, ident=query.id ^ step)
    right = packet(query, lie)
    yield right.replace(b"\4test", b"\4tost")
    yield packet(query, lie, flags=RESPONSE & ~0x8000)
    yield packet(query, lie, flags=RESPONSE | 0x7800)
    yield right[:4] + b"\0\2" + right[6:]
    yield right[:4] + b"\0\0" + right[6:12] + right[12 + len(question_wire(query)) :]


def after_spoofs(script: Script) -> Script:
    return lambda query, transport: [*spoofs(query), *script(query, transport)]


def spoofs_only(query: Query, _: str) -> list[bytes]:
    return list(spoofs(query))


def aliases_without_end(query: Query, _: str) -> list[bytes]:
    """Lead from each name to a new one."""
    asked = query.question[0].name.to_text(omit_final_dot=True)
    return [answer(query, (asked, "CNAME", [f"x{len(asked)}.{asked}."])).to_wire()]


def alias(target: str) -> Script:
    def script(query: Query, _: str) -> list[bytes]:
        asked = query.question[0].name.to_text(omit_final_dot=True)
        return [answer(query, (asked, "CNAME", [target])).to_wire()]

    return script


def referral(query: Query, _: str) -> list[bytes]:
    """Point to other servers, lamely."""
    authority = rr(NS, name(b"ns", b"elsewhere", b"test"), owner=name(b"test"))
    header = struct.pack("!6H", query.id, 0x8100, 1, 0, 1, 0)
    return [header + question_wire(query) + authority]


def knows_controls(script: Script) -> Script:
    """Answer what is asked only to see whether we answer anything; all else goes to the script."""
    no_data = says("NOERROR", soa=True)
    return lambda query, transport: (no_data if query.question[0].rdtype == NS else script)(query, transport)


def cut_over_udp(script: Script) -> Script:
    """Be truncated over UDP."""

    def cut(query: Query, transport: str) -> list[bytes]:
        return [packet(query, flags=RESPONSE | TRUNCATED)] if transport == "udp" else script(query, transport)

    return cut


def big(rdtype: int, data: list[bytes], size: int = 65_535) -> Script:
    """Fill an answer over TCP to the brim."""
    room = size - 300
    count = room // len(rr(rdtype, data[0]))
    return cut_over_udp(raw(b"".join(rr(rdtype, data[number % len(data)]) for number in range(count)), answers=count))


def thousand_hosts(*labels: bytes) -> Script:
    """Name mx0 to mx999 of a domain."""
    rrs = [rr(MX, struct.pack("!H", number) + name(b"mx%d" % number, *labels)) for number in range(1_000)]
    return cut_over_udp(raw(b"".join(rrs), answers=len(rrs)))


SILENT = knows_controls(silent)
