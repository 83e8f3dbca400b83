"""From the bytes of a list file to its lines: kind, encoding, bounds."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from charset_normalizer import from_bytes

MAX_LINE = 1_000_000  # characters
CHUNK = 1 << 20
SAMPLE = 1 << 16
SAVE_AS_CSV = "Save it as CSV (comma separated, UTF-8) and upload that."

MAGIC = (
    (b"PK\x03\x04", "This is an Excel workbook or another packed file, not a text file. " + SAVE_AS_CSV),
    (b"\xd0\xcf\x11\xe0", "This is an old Excel workbook, not a text file. " + SAVE_AS_CSV),
    (b"%PDF", "This is a PDF document, not a list. " + SAVE_AS_CSV),
    (b"\x1f\x8b", "This file is packed (gzip). Unpack it and upload the file inside."),
    (b"7z\xbc\xaf", "This file is packed (7-Zip). Unpack it and upload the file inside."),
    (b"Rar!", "This file is packed (RAR). Unpack it and upload the file inside."),
    (b"{\\rtf", "This is a word processor's document, not a list. " + SAVE_AS_CSV),
)
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# what lists are written in where they are not Unicode; a free guess among all encodings is wrong for short samples
LIKELY_ENCODINGS = [
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "koi8_r"),
    *("shift_jis", "euc_jp", "gb18030", "big5", "euc_kr"),
]
# a sample with no other letters than these is Western: guessing by frequency needs more text than a list has
WESTERN = frozenset("äöüÄÖÜßàâçèéêëîïôœùûÀÇÈÉáíóúñÁÍÓÚÑãõòìåæøÅÆØ€’‘“”„–…°«»´")


class ListRefused(Exception):
    """A list that cannot be read; `line` counts from 1, None when no line is to blame."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class ListTooLong(ListRefused):
    """A list with more rows than may be brought."""

    def __init__(self, limit: int, found: int | None = None, of: str = "rows") -> None:
        rows = f"more than {limit:,} rows, which" if found is None else f"{found:,} {of}; {limit:,}"
        super().__init__(f"The list has {rows} is the limit of this account.")


class ListUnclear(ListRefused):
    """A list that is not what we took it for; read another way it may well be one."""


def encoding_of(path: Path) -> str:
    """Give the name of a codec that reads the whole file.  Raises ListRefused."""
    with path.open("rb") as file:
        head = file.read(SAMPLE)
    if not head:
        raise ListRefused("The file is empty.")
    for magic, message in MAGIC:
        if head.startswith(magic):
            raise ListRefused(message)
    for mark, name in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            refuse_undecodable(path, name)
            return name
    if b"\0" in head:
        raise nul_in(head[: head.index(b"\0")].count(b"\n") + 1)
    return "utf-8" if undecodable_line(path, "utf-8") is None else other_than_utf8(path)


def nul_in(line: int) -> ListRefused:
    return ListRefused(f"Line {line:,} holds a NUL byte: this is no plain text file. {SAVE_AS_CSV}", line)


def refuse_undecodable(path: Path, encoding: str) -> None:
    line = undecodable_line(path, encoding)
    if line is not None:
        name = encoding.removesuffix("-sig").upper()
        raise ListRefused(f"Line {line:,} is not valid {name}. {SAVE_AS_CSV}", line)


def undecodable_line(path: Path, encoding: str) -> int | None:
    """Give the first line that the codec cannot read, None when it reads all."""
    decoder = codecs.getincrementaldecoder(encoding)()
    lines = 1
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            state = decoder.getstate()
            try:
                lines += decoder.decode(chunk).count("\n")
            except UnicodeDecodeError:
                decoder.setstate(state)
                return lines + lines_before_fault(decoder, chunk)
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return lines
    return None


def lines_before_fault(decoder: codecs.IncrementalDecoder, chunk: bytes) -> int:
    lines = 0
    for at in range(len(chunk)):
        try:
            lines += decoder.decode(chunk[at : at + 1]) == "\n"
        except UnicodeDecodeError:
            break
    return lines


def other_than_utf8(path: Path) -> str:
    """Guess a legacy encoding by the lines that are not UTF-8.

    Raises ListRefused when most lines beyond ASCII are UTF-8: then the others are broken, not of another encoding.
    """
    good, bad, first_bad, sample = 0, 0, 0, bytearray()
    with path.open("rb") as file:
        number = 0
        while line := file.readline(CHUNK):
            number += 1
            if line.isascii():
                continue
            try:
                line.decode()
                good += 1
            except UnicodeDecodeError:
                bad += 1
                first_bad = first_bad or number
                if len(sample) < SAMPLE:
                    sample += line[:SAMPLE]
    if good > bad:
        raise ListUnclear(f"Line {first_bad:,} is not valid UTF-8, while others are. {SAVE_AS_CSV}", first_bad)
    return next(name for name in [*guesses(bytes(sample)), "latin-1"] if undecodable_line(path, name) is None)


def guesses(sample: bytes) -> list[str]:
    if {letter for letter in sample.decode("cp1252", "replace") if not letter.isascii()} <= WESTERN:
        return ["cp1252"]
    guess = from_bytes(sample, cp_isolation=LIKELY_ENCODINGS).best()
    return [guess.encoding, "cp1252"] if guess else ["cp1252"]


def text_lines(path: Path, encoding: str) -> Iterator[str]:
    """Give the lines with their ends.  Raises ListRefused on a NUL and on a line over MAX_LINE characters."""
    number = 0
    with path.open(encoding=encoding, newline="") as file:
        while line := next_line(file, encoding, path):
            number += 1
            if len(line) > MAX_LINE:
                raise ListRefused(f"Line {number:,} is longer than {MAX_LINE:,} characters.", number)
            if "\0" in line:
                raise nul_in(number)
            yield line


def next_line(file: TextIO, encoding: str, path: Path) -> str:
    try:
        return file.readline(MAX_LINE + 1)
    except UnicodeDecodeError:
        refuse_undecodable(path, encoding)
        raise
