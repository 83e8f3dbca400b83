"""The name server: RFC 1035 over UDP and TCP, RFC 6891 for larger answers; no compression but to the question."""

from __future__ import annotations

import asyncio
import struct
from functools import lru_cache
from typing import cast

from verification.mailworld.zone import Rcode, Type, ZoneData, packed

TTL_SECONDS = 300
_QUESTION = b"\xc0\x0c"  # pointer to the name asked for (RFC 1035 section 4.1.4)
_OPT = b"\x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\x00"
_UDP_LARGEST = 4_096
_TCP_IDLE_SECONDS = 10.0


def _name(text: str) -> bytes:
    return b"".join(bytes((len(label),)) + label.encode() for label in text.split(".") if label) + b"\x00"


_SOA_DATA = _name("ns.test") + _name("hostmaster.test") + struct.pack("!5I", 1, 3600, 600, 86400, TTL_SECONDS)
_SOA = _name("test") + struct.pack("!HHIH", Type.SOA, 1, TTL_SECONDS, len(_SOA_DATA)) + _SOA_DATA


class NameServer:
    """Turns a query into a reply, without sockets."""

    def __init__(self, zone: ZoneData) -> None:
        self._zone = zone
        self._answer = lru_cache(maxsize=8_192)(self._find)

    def reply(self, query: bytes, *, over_udp: bool) -> bytes | None:
        """Answer a query; None where the zone is silent or the bytes are no query."""
        if len(query) < 12 or query[2] & 0x80:
            return None
        end = _end_of_name(query)
        if query[4:6] != b"\x00\x01" or end is None or len(query) < end + 4:
            return _head(query, Rcode.FORMERR)
        if query[2] & 0x78:  # an opcode other than QUERY
            return _head(query, Rcode.NOTIMP)
        edns = query[end + 4 : end + 7] == b"\x00\x00\x29" and len(query) >= end + 15
        found = self._answer(query[12:end].lower(), int.from_bytes(query[end : end + 2], "big"))
        if found is None:
            return None
        rcode, answers, authorities, records = found
        question, extra = query[12 : end + 4], _OPT if edns else b""
        largest = min(max(512, int.from_bytes(query[end + 7 : end + 9], "big")), _UDP_LARGEST) if edns else 512
        if over_udp and 12 + len(question) + len(records) + len(extra) > largest:
            return _head(query, rcode, truncated=True, counts=(1, 0, 0, int(edns))) + question + extra
        return _head(query, rcode, counts=(1, answers, authorities, int(edns))) + question + records + extra

    def _find(self, name: bytes, rdtype: int) -> tuple[Rcode, int, int, bytes] | None:
        labels, at = [], 0
        while name[at]:
            labels.append(name[at + 1 : at + 1 + name[at]].decode("latin-1"))
            at += 1 + name[at]
        found = self._zone.find(".".join(labels), rdtype)
        if found is None:
            return None
        records = [_record(rdtype, packed(address)) for address in found.addresses]
        records += [_record(rdtype, _exchange(*exchange)) for exchange in found.exchanges]
        records += [_record(rdtype, _name(target)) for target in found.names]
        records += [_record(rdtype, _strings(text)) for text in found.texts]
        empty = not records and found.rcode in (Rcode.NOERROR, Rcode.NXDOMAIN)
        return found.rcode, len(records), int(empty), _SOA if empty else b"".join(records)


def _end_of_name(query: bytes) -> int | None:
    at = 12
    while at < len(query) and query[at]:
        if query[at] > 63:  # a pointer in the question: nobody does that
            return None
        at += 1 + query[at]
    return at + 1 if at < len(query) and at - 12 < 255 else None


def _head(
    query: bytes, rcode: Rcode, *, truncated: bool = False, counts: tuple[int, int, int, int] = (0, 0, 0, 0)
) -> bytes:
    # QR and AA set, the opcode and RD as asked, RA set: stub resolvers expect it.
    first = 0x84 | (query[2] & 0x79) | (0x02 if truncated else 0)
    return query[:2] + bytes((first, 0x80 | rcode)) + struct.pack("!4H", *counts)


def _record(rdtype: int, data: bytes) -> bytes:
    return _QUESTION + struct.pack("!HHIH", rdtype, 1, TTL_SECONDS, len(data)) + data


def _exchange(preference: int, label: str) -> bytes:
    name = b"\x00" if label == "." else _name(label)[:-1] + _QUESTION
    return preference.to_bytes(2, "big") + name


def _strings(text: str) -> bytes:
    """Cut a text into character strings (RFC 1035 section 3.3.14)."""
    raw = text.encode("latin-1")
    return b"".join(bytes((len(raw[at : at + 255]),)) + raw[at : at + 255] for at in range(0, len(raw), 255))


class UdpServer(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self._server.reply(data, over_udp=True)
        if reply is not None:
            self._transport.sendto(reply, addr)


async def serve_tcp(server: NameServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the questions of one connection, one after the other (RFC 7766)."""
    try:
        while True:
            async with asyncio.timeout(_TCP_IDLE_SECONDS):
                length = int.from_bytes(await reader.readexactly(2), "big")
                query = await reader.readexactly(length)
            reply = server.reply(query, over_udp=False)
            if reply is not None:
                writer.write(len(reply).to_bytes(2, "big") + reply)
                await writer.drain()
    except (asyncio.IncompleteReadError, TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()
