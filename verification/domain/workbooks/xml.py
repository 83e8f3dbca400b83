"""XML of strangers, as a stream: expat within bounds of tokens, names, depth and elements; no document types.

Entities cannot be declared without a document type, so nothing grows in the parser.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.parsers import expat

from verification.domain.list_text import ListRefused
from verification.domain.workbooks.package import SAVE_AGAIN, damaged, shown

MOST_TOKEN = 1_000_000  # bytes of a tag with its attributes, or of a comment
MOST_NAMES = 1_000  # of elements, and of attributes: expat remembers each
MOST_DEPTH = 100
IDLE_ELEMENTS = 4_000_000  # that carry nothing; a few seconds' worth


class Bounded:
    """Hears the elements of a part; `local` gives their names without a prefix."""

    def __init__(self, part: str) -> None:
        self.part = part
        self.local = LocalNames(part)
        self.attributes: set[str] = set()
        self.allowed = IDLE_ELEMENTS  # each value found adds some
        self.depth = 0
        self.done = False  # what follows needs no reading

    def enter(self, attributes: dict[str, str]) -> None:
        """Count an element.  Raises ListRefused."""
        self.allowed -= 1
        self.depth += 1
        if attributes:
            self.attributes.update(attributes)
        if self.depth > MOST_DEPTH or self.allowed < 0 or len(self.attributes) > MOST_NAMES:
            raise too_much(self.part)

    def start(self, name: str, attributes: dict[str, str]) -> None:  # noqa: ARG002  # for those that look at it
        self.enter(attributes)

    def end(self, name: str) -> None:  # noqa: ARG002
        self.depth -= 1

    def text(self, text: str) -> None:
        """Hear text between tags."""


class LocalNames(dict[str, str]):
    """Names of elements without their prefix, each worked out once."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self.part = part

    def __missing__(self, name: str) -> str:
        if len(self) == MOST_NAMES:
            raise too_much(self.part)
        local = self[name] = name.rpartition(":")[2]
        return local


def too_much(part: str) -> ListRefused:
    return ListRefused(
        f"The part {shown(part)} of this workbook holds more tags, or longer ones, than its cells need. {SAVE_AGAIN}"
    )


def parse(chunks: Iterable[bytes], heard: Bounded) -> Iterator[None]:
    """Feed a part to its hearer, and come back after each piece.  Raises ListRefused."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = heard.start
    parser.EndElementHandler = heard.end
    parser.CharacterDataHandler = heard.text
    parser.StartDoctypeDeclHandler = lambda *_: refuse_document_type(heard.part)
    fed = 0
    try:
        for chunk in chunks:
            if heard.done:
                continue  # to the end, where zipfile compares the checksum
            parser.Parse(chunk, False)
            fed += len(chunk)
            if fed - parser.CurrentByteIndex > MOST_TOKEN:
                raise too_much(heard.part)
            yield
        if not heard.done:
            parser.Parse(b"", True)
    except (expat.ExpatError, UnicodeError, LookupError) as fault:
        line = getattr(fault, "lineno", 1)
        raise damaged(f"its part {shown(heard.part)} is no XML at line {line:,}") from fault
    yield


def refuse_document_type(part: str) -> None:
    raise ListRefused(f"The part {shown(part)} of this workbook declares a document type. {SAVE_AGAIN}")
