"""Any text as an address: never an exception, bounded time and memory, no line out that was not meant."""

from __future__ import annotations

import asyncio
import gc
import random
import re
import sys
import time
import tracemalloc
import unicodedata

import pytest

from tests.engine.fake_dns import FakeDns, Query, answer
from tests.engine.hostile.naughty import NAUGHTY
from tests.engine.hostile.smtp_server import servers
from tests.engine.hostile.world import MISSING, config, verdict
from tests.engine.in_loop import in_loop
from verification.engine import LEGAL_PAIRS, Answer, Engine, Result

ASCII_LINE = re.compile(rb"(EHLO|HELO|MAIL FROM:|RCPT TO:|RSET|QUIT|STARTTLS)[ -~]*\r\n")
UTF8_LINE = re.compile(rb"RCPT TO:<[ -~\x80-\xff]+>\r\n")
ALPHABET = 'ab.@"\\<>()[]:;, \t\r\n\0%+-_é中\u202e\u200b\ud800\udfff\U0001f4a9'
MEGABYTES = 10
COPIES = 10  # of the texts in memory, ours and the lists that are read first among them


def as_local_part(text: str) -> str:
    return f"{text}@naughty.test"


def as_domain(text: str) -> str:
    return f"jane@{text}"


def everywhere(query: Query, _: str) -> list[bytes]:
    """Say that every name has a mail host here."""
    name, rdtype = query.question[0].name.to_text(omit_final_dot=True), query.question[0].rdtype.name
    data = {"MX": "10 mx.naughty.test.", "A": "127.9.7.1"}.get(rdtype)
    return [answer(query, *([(name, rdtype, [data])] if data else []), soa=data is None).to_wire()]


async def verify_all(texts: list[str]) -> tuple[list[Answer], list[bytes]]:
    """Give the answers, and the lines that the mail server heard."""
    async with servers() as mail, FakeDns(default=everywhere) as dns:
        engine = Engine(config(dns, mail))
        try:
            answers = await asyncio.gather(*(engine.verify(text, deadline_seconds=15) for text in texts))
            await asyncio.sleep(0.2)
        finally:
            await engine.aclose()
        return answers, [line for peer in mail.peers for line in peer.lines]


def check(texts: list[str], answers: list[Answer], lines: list[bytes]) -> None:
    assert [answer.email for answer in answers] == texts
    assert {(answer.verdict.result, answer.verdict.reason) for answer in answers} <= LEGAL_PAIRS
    assert [answer.email for answer in answers if answer.evidence.our_fault or answer.verdict.blame.is_ours] == []
    offered = any(line.endswith(b" SMTPUTF8\r\n") for line in lines)
    unmeant = [line for line in lines if not ASCII_LINE.fullmatch(line) and not (offered and UTF8_LINE.fullmatch(line))]
    assert unmeant == []
    assert [line for line in lines if len(line) > 512] == []


@pytest.mark.parametrize("wrap", [str, as_local_part, as_domain], ids=["alone", "local part", "domain"])
@in_loop
async def test_naughty_texts(wrap: type[str]) -> None:
    texts = [wrap(text) for text in NAUGHTY]
    answers, lines = await verify_all(texts)
    check(texts, answers, lines)
    assert len(texts) >= 200


@in_loop
async def test_texts_by_chance() -> None:
    chance = random.Random(10)
    texts = ["".join(chance.choices(ALPHABET, k=chance.randrange(40))) for _ in range(2_000)]
    texts += [f"a{text}@x{number}.test" for number, text in enumerate(texts[:1_000])]
    answers, lines = await verify_all(texts)
    check(texts, answers, lines)
    assert sum(answer.verdict.result is Result.OK for answer in answers) > 20  # some are addresses and were asked for


@in_loop
async def test_every_character_in_a_local_part() -> None:
    rooms = ((0, 0x100), (0x2000, 0x2070), (0xD7F0, 0xE010), (0xFE00, 0xFE10), (0xFFF0, 0x10010))
    characters = [chr(code) for room in rooms for code in range(*room)]
    texts = [f"a{character}b@every.test" for character in characters]
    answers, lines = await verify_all(texts)
    check(texts, answers, lines)
    verdicts = dict(zip(characters, map(verdict, answers), strict=True))
    controls = [character for character in characters if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")]
    assert {verdicts[character] for character in controls} == {MISSING}


@pytest.mark.parametrize("piece", ["a", "@", "é", "\0", "\ud800", '"\\', "(", "@a."], ids=range(8))
def test_ten_megabytes_take_bounded_time_and_memory(piece: str) -> None:
    text = piece * (MEGABYTES * 1_000_000 // len(piece))
    texts = [text, f"{text}@long.test", f"jane@{text}"]
    gc.collect()
    tracemalloc.start()
    began = time.process_time()
    answers, lines = asyncio.run(verify_all(texts))
    took = time.process_time() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert ({answer.verdict.result for answer in answers}, lines) == ({Result.BAD}, [])
    assert [answer.email for answer in answers] == texts
    assert took < 3.0
    assert peak < COPIES * sum(map(sys.getsizeof, texts))


@pytest.mark.parametrize("piece", ['"', "a.", "é", "@", "a-"], ids=range(5))
def test_time_grows_no_faster_than_the_text(piece: str) -> None:
    def took(size: int) -> float:
        texts = [piece * size, f"{piece * size}@long.test", f"jane@{piece * size}"]
        began = time.process_time()
        asyncio.run(verify_all(texts * 5))
        return time.process_time() - began

    took(1_000)
    small, large = took(100_000), took(800_000)
    assert large < 2.5**3 * max(small, 0.05)
