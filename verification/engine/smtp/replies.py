"""Replies of mail servers (RFC 5321 section 4.2), read from bytes in any portions, within bounds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

MAX_CONNECTION_BYTES = 256 * 1024
MAX_LINE_BYTES = 64 * 1024
MAX_LINES = 500  # of one reply; an EHLO reply has some twenty
SHORT_LINE = 120  # octets; servers say the same to everybody in such lines
MAX_TEXT = 1_000  # characters that are kept of a reply
TEXT_LINE = 2_000  # octets; RFC 5321 section 4.5.3.1.5 allows 512, what is far longer is not honest

_LINE = re.compile(rb"([2-5][0-5][0-9])(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"[#(\[]?([245]\.\d{1,3}\.\d{1,3})(?:[)\]:,]?(?=\s|$)|[)\]:,])\s*")  # RFC 2034 section 4
_ENHANCED_INSIDE = re.compile(r"\(#([245]\.\d{1,3}\.\d{1,3})(?: - [a-z]{1,20})?\)")  # qmail's way, and its chkuser's
_UNSAFE = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server said.  `lines` are the texts of its lines, without code and enhanced code.

    `damaged`: it came with bytes that no honest reply has, so it must not decide against an address.
    `contradicts`: its lines say yes and no, so it decides nothing (RFC 5321 section 4.2.1 wants one code in all).
    """

    code: int
    enhanced: str = ""
    text: str = ""
    lines: tuple[str, ...] = ()
    damaged: bool = False
    contradicts: bool = False


class Endless(Exception):
    """A reply outgrew the bounds in bytes or lines."""


class ReplyReader:
    """Cuts a stream of bytes into replies.

    Lines that are no reply are passed over; they mark all that follows as damaged.
    """

    __slots__ = ("_buffer", "_lines", "bytes_seen", "damaged")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._lines: list[bytes] = []
        self.bytes_seen = 0
        self.damaged = False

    @property
    def pending(self) -> bool:
        """Tell whether part of a reply has been heard."""
        return bool(self._buffer or self._lines)

    def feed(self, data: bytes) -> list[Reply]:
        """Give the replies that are complete by now.  Raises Endless."""
        self.bytes_seen += len(data)
        if self.bytes_seen > MAX_CONNECTION_BYTES:
            raise Endless(f"more than {MAX_CONNECTION_BYTES} bytes")
        self._buffer += data
        if b"\n" not in data:
            if len(self._buffer) > MAX_LINE_BYTES:
                raise Endless(f"a line of more than {MAX_LINE_BYTES} bytes")
            return []
        *lines, self._buffer = self._buffer.split(b"\n")
        replies = []
        for line in lines:
            reply = self._take(bytes(line))
            if reply is not None:
                replies.append(reply)
        return replies

    def _take(self, line: bytes) -> Reply | None:
        line = line.removesuffix(b"\r")
        if len(line) <= SHORT_LINE and not (self._lines or self.damaged) and (reply := _read_ordinary(line)):
            return reply
        match = _LINE.fullmatch(line)
        if match is None:
            self.damaged = self.damaged or bool(line)  # empty lines are harmless
            return None
        if len(line) > TEXT_LINE or _UNSAFE.search(line):
            self.damaged = True
        if self._lines and self._lines[-1][:3] != match[1]:
            self.damaged = True  # the lines of a reply must agree on its code
        self._lines.append(line[:TEXT_LINE])
        if match[2] == b"-":
            if len(self._lines) >= MAX_LINES:
                raise Endless(f"more than {MAX_LINES} lines")
            return None
        lines, self._lines = self._lines, []
        return read_reply(lines, damaged=self.damaged)


@lru_cache(maxsize=1_024)
def _read_ordinary(line: bytes) -> Reply | None:
    """Read a reply of one clean line, None for any other."""
    match = _LINE.fullmatch(line)
    return read_reply([line]) if match and match[2] != b"-" and not _UNSAFE.search(line) else None


def read_reply(lines: list[bytes], *, damaged: bool = False) -> Reply:
    """Read the lines of one reply, each with its code."""
    enhanced = ""
    texts = []
    for line in lines:
        text = _printable(line[4:])
        match = _ENHANCED.match(text)
        if match:
            enhanced = enhanced or match[1]
            text = text[match.end() :]
        texts.append(text)
    if not enhanced and (match := _ENHANCED_INSIDE.search(texts[-1])):
        enhanced = match[1]
    code = int(lines[-1][:3])
    text = texts[0] if len(texts) == 1 else " ".join(texts)
    contradicts = damaged and len({line[:1] for line in lines}) > 1
    return Reply(code, enhanced, text[:MAX_TEXT].strip(), tuple(texts), damaged, contradicts)


def _printable(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else " " for character in text)
