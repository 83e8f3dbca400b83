"""Strict JSON (RFC 8259) with the place of a fault: `<what> at line L column C path $.a[0].b`.

Good texts take the fast way through json.loads.  What that refuses is read again by `Reader`, which builds nothing
and only finds what is wrong and where.  Wording and counting follow Gson's JsonReader, on which callers rely: lines
and columns count from 1, and the column is mostly that after the last character read.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

DEPTH_LIMIT = 100
NAME_SHOWN = 100  # characters of a member's name in a path, at most

SPACE = re.compile(r"[ \t\r\n]*")
PLAIN = re.compile(r'[^"\\\x00-\x1f\ud800-\udfff]*')
# a number or keyword (RFC 8259 sections 3 and 6), and nothing that would make it a longer word
SCALAR = re.compile(
    r"(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)(?=[ \t\r\n,:;=\[\]{}/\\#]|\Z)"
)
HEX = re.compile(r"[0-9a-fA-F]{4}")
LOW_SURROGATE = re.compile(r"\\u[dD][c-fC-F][0-9a-fA-F]{2}")
SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
SIMPLE_ESCAPES = frozenset('"\\/bfnrt')


class JsonRefused(Exception):
    """A text that is no JSON as we take it; str() says what is wrong and where."""


class Suspicious(ValueError):
    """Something that json.loads lets pass and we do not."""


def load(body: bytes) -> Any:  # Any: JSON
    """Read a body.

    Raises JsonRefused: no UTF-8, a byte order mark, no JSON, NaN, duplicate names, lone surrogates, nested too deep.
    """
    try:
        text = body.decode()  # a byte order mark is no JSON: RFC 8259 section 8.1
        value = json.loads(text, object_pairs_hook=members, parse_constant=constant, parse_int=integer)
        if SURROGATE_ESCAPE.search(body):
            json.dumps(value, ensure_ascii=False).encode()
        check_depth(value)
    except (ValueError, RecursionError) as error:
        Reader(body.decode("utf-8", "surrogateescape")).read()
        raise JsonRefused(f"Malformed JSON: {error}") from error  # the two readers differ: ours let it pass
    return value


def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:  # Any: JSON
    read = dict(pairs)
    if len(read) != len(pairs):
        raise Suspicious("duplicate names")
    return read


def constant(name: str) -> NoReturn:
    raise Suspicious(name)  # NaN, Infinity, -Infinity


def integer(digits: str) -> int | float:
    """Read a whole number; int() of more than 4,300 digits is refused by Python."""
    return int(digits) if len(digits) <= 20 else float(digits)


def check_depth(value: object) -> None:
    level = [value]
    for _ in range(DEPTH_LIMIT):
        below: list[object] = []
        for one in level:
            if isinstance(one, dict):
                below.extend(member for member in one.values() if isinstance(member, dict | list))
            elif isinstance(one, list):
                below.extend(member for member in one if isinstance(member, dict | list))
        if not below:
            return
        level = below
    raise Suspicious("nested too deep")


class Frame:
    """An open array or object: where in it we are."""

    __slots__ = ("index", "is_empty", "name", "names")

    def __init__(self, names: set[str] | None) -> None:
        self.names = names  # None: an array
        self.name = ""
        self.index = 0
        self.is_empty = True

    def __str__(self) -> str:
        return f"[{self.index}]" if self.names is None else f".{self.name[:NAME_SHOWN]}"


class Reader:
    """Reads a text to its end, or raises JsonRefused at its first fault."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0  # after the last character read
        self.frames: list[Frame] = []

    def read(self) -> None:
        self.value()
        while self.frames:
            frame = self.frames[-1]
            if frame.names is None:
                self.next_element(frame)
            else:
                self.next_member(frame, frame.names)
        self.position = SPACE.match(self.text, self.position).end()  # type: ignore[union-attr]  # matches anything
        if self.position < len(self.text):
            self.position += 1
            self.fault("Expected end of input")

    def fault(self, what: str) -> NoReturn:
        before = self.text[: self.position]
        line = before.count("\n") + 1
        column = self.position - before.rfind("\n")
        path = "$" + "".join(str(frame) for frame in self.frames)
        raise JsonRefused(f"{what} at line {line} column {column} path {path}")

    def character(self) -> str:
        """Step over white space and one character more."""
        self.position = SPACE.match(self.text, self.position).end()  # type: ignore[union-attr]  # matches anything
        if self.position == len(self.text):
            self.fault("End of input")
        self.position += 1
        return self.text[self.position - 1]

    def next_element(self, frame: Frame) -> None:
        found = self.character()
        if found == "]":
            self.close()
            return
        if frame.is_empty:
            self.position -= 1
        elif found != ",":
            self.fault("Unterminated array")
        frame.is_empty = False
        self.value()

    def next_member(self, frame: Frame, names: set[str]) -> None:
        found = self.character()
        if found == "}":
            self.close()
            return
        if not frame.is_empty:
            if found != ",":
                self.fault("Unterminated object")
            found = self.character()
        if found != '"':
            self.position -= found != "}"
            self.fault("Expected name")
        frame.is_empty = False
        start = self.position - 1
        self.string()
        frame.name = json.loads(self.text[start : self.position])
        if frame.name in names:
            self.fault("Duplicate name")
        names.add(frame.name)
        if self.character() != ":":
            self.fault("Expected ':'")
        self.value()

    def value(self) -> None:
        found = self.character()
        if found == '"':
            self.string()
            self.count()
        elif found in "[{":
            if len(self.frames) == DEPTH_LIMIT:
                self.fault(f"Nesting limit {DEPTH_LIMIT} reached")
            self.frames.append(Frame(None if found == "[" else set()))
        else:
            self.position -= 1
            scalar = SCALAR.match(self.text, self.position)
            if scalar is None:
                self.fault("Expected value")
            self.position = scalar.end()
            self.count()

    def close(self) -> None:
        self.frames.pop()
        self.count()

    def count(self) -> None:
        """Note that a value ended."""
        if self.frames:
            self.frames[-1].index += 1

    def string(self) -> None:
        """Read the rest of a string whose quote was read."""
        while True:
            self.position = PLAIN.match(self.text, self.position).end()  # type: ignore[union-attr]  # matches anything
            if self.position == len(self.text):
                self.fault("Unterminated string")
            self.position += 1
            found = self.text[self.position - 1]
            if found == '"':
                return
            if found == "\\":
                self.escape()
            else:
                self.fault("Unescaped control character" if found < " " else "Invalid UTF-8")

    def escape(self) -> None:
        if self.position == len(self.text):
            self.fault("Unterminated escape sequence")
        self.position += 1
        found = self.text[self.position - 1]
        if found == "u":
            self.unicode_escape()
        elif found not in SIMPLE_ESCAPES:
            self.fault("Invalid escape sequence")

    def unicode_escape(self) -> None:
        digits = self.text[self.position : self.position + 4]
        if len(digits) < 4:
            self.fault("Unterminated escape sequence")
        if not HEX.fullmatch(digits):
            self.malformed(digits)
        after = self.position + 4
        if 0xD800 <= int(digits, 16) <= 0xDFFF:
            if int(digits, 16) >= 0xDC00 or not LOW_SURROGATE.match(self.text, after):
                self.malformed(digits)  # half a character
            after += 6
        self.position = after

    def malformed(self, digits: str) -> NoReturn:
        shown = "".join(digit if digit.isprintable() else "\ufffd" for digit in digits)
        self.fault(f"Malformed Unicode escape \\u{shown}")
