from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from verification.engine.syntax import parse, parse_fully, split_display_name
from verification.engine.types import Address, SyntaxFault


def test_gives_every_field_of_an_ordinary_mailbox() -> None:
    assert parse("Jane@Example.com") == Address(
        text="Jane@Example.com",
        user="Jane",
        domain="Example.com",
        ascii_domain="example.com",
        mailbox="Jane@example.com",
    )


def test_gives_the_domain_of_a_bad_local_part() -> None:
    assert parse("a..b@Müller.de") == Address(
        text="a..b@Müller.de",
        user="a..b",
        domain="Müller.de",
        ascii_domain="xn--mller-kva.de",
        mailbox="",
        fault=SyntaxFault.BAD_LOCAL_PART,
        fault_detail="the local part has two dots in a row (RFC 5321 section 4.1.2, Dot-string)",
    )


NO_COMMENTS = " (RFC 5321 section 4.1.2; RFC 5322 section 3.2.2 is for headers)"


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("jane(home)@x.com", "a comment is no part of a mailbox" + NO_COMMENTS),
        ("jane@x.com(work)", "a comment is no part of a domain" + NO_COMMENTS),
        ("a b@x.com", "U+0020 SPACE cannot stand in a local part without quotes (RFC 5322 section 3.2.3, atext)"),
        ("a,b@x.com", "',' cannot stand in a local part without quotes (RFC 5322 section 3.2.3, atext)"),
        ('"a\x00"@x.com', "U+0000 cannot stand in a quoted local part (RFC 5321 section 4.1.2, qtextSMTP)"),
        ("a@b@x.com", "there are 2 at-signs outside quotes (RFC 5321 section 4.1.2)"),
    ],
)
def test_says_what_is_wrong(text: str, detail: str) -> None:
    assert parse(text).fault_detail == detail


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("jane@example.com", ""),
        ("иван@пример.рф", ""),
        ("иван@example.com", ""),
        ("山田たろうab@例え.jp", ""),
        ("김金a@x.kr", ""),
        ("pаypal@example.com", "mixes CYRILLIC and LATIN"),
        ("jane@pаypal.com", "mixes CYRILLIC and LATIN"),
        ("jane@gοοgle.com", "mixes GREEK and LATIN"),
        ("иван.jane@x.com", ""),
    ],
)
def test_notes_mixed_scripts(text: str, note: str) -> None:
    address = parse(text)
    assert (address.fault, address.note) == (None, note)


@pytest.mark.parametrize(
    ("text", "addr_spec"),
    [
        ("jane@x.com", "jane@x.com"),
        (" jane@x.com\r\n", "jane@x.com"),
        ("Jane <jane@x.com>", "jane@x.com"),
        ("Jane < jane@x.com >", "jane@x.com"),
        ("<jane@x.com>", "jane@x.com"),
        ('"Doe, Jane" <jane@x.com>', "jane@x.com"),
        ('"Jane <home>" <jane@x.com>', "jane@x.com"),
        ('Jane <"a<b"@x.com>', '"a<b"@x.com'),
        ('5" disks <jane@x.com>', "jane@x.com"),
        ("José <josé@x.com>", "josé@x.com"),
        ("<>", ""),
        ("jane@x.com>", "jane@x.com>"),
        ("<jane@x.com", "<jane@x.com"),
        ("", ""),
        ("   ", ""),
    ],
)
def test_split_display_name(text: str, addr_spec: str) -> None:
    assert split_display_name(text) == addr_spec


PIECES = st.sampled_from(
    [*"aZ9.@\"\\-_()<>[]1éß😀\u200d\u0301\u3002ا\x00\n \ud800\udfff+'%", "..", "IPv6:", "::", "xn--", "com", "x" * 64]
)


@settings(deadline=None)
@given(st.one_of(st.text(alphabet=st.characters()), st.lists(PIECES, max_size=12).map("".join)))
@example("\ud800@\ud800")
def test_never_raises_and_keeps_its_promises(text: str) -> None:
    address = parse(text)
    assert address == parse_fully(text)
    assert address.text == text
    assert address.user + ("@" + address.domain if address.fault is not SyntaxFault.NO_AT_SIGN else "") == text
    assert address.ascii_domain.isascii()
    assert address.fault_detail.isprintable()
    if address.fault is None:
        assert not set(address.mailbox) & {chr(code) for code in [*range(32), 127]}
        assert len(address.mailbox.encode()) <= 254
        assert parse(address.mailbox).mailbox == address.mailbox
    else:
        assert address.mailbox == ""


@settings(deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_split_display_name_never_raises(text: str) -> None:
    assert split_display_name(text) in text


LONG: list[tuple[str, Callable[[int], str]]] = [
    ("letters", lambda size: "a" * size),
    ("letters before the at-sign", lambda size: "a" * size + "@x.com"),
    ("letters after it", lambda size: "a@" + "b" * size),
    ("dots", lambda size: "a" + ".a" * size + "@x.com"),
    ("labels", lambda size: "a@" + "b." * size),
    ("hyphens", lambda size: "a@b" + "-" * size),
    ("at-signs", lambda size: "@" * size),
    ("quotes", lambda size: '"' * size + "@x.com"),
    ("backslashes", lambda size: '"' + "\\" * size + "@x.com"),
    ("escaped quotes", lambda size: '"' + '\\"' * size + "@x.com"),
    ("angles", lambda size: "<" * size + ">"),
    ("marks", lambda size: "a@" + "\u0301" * size),
    ("letters of Arabia", lambda size: "a@" + "ا" * size),
]


@pytest.mark.parametrize("make", [make for _, make in LONG], ids=[name for name, _ in LONG])
def test_ten_million_characters_take_no_time(make: Callable[[int], str]) -> None:
    text = make(10_000_000)
    started = time.perf_counter()
    address = parse(text)
    split_display_name(text)
    assert time.perf_counter() - started < 5.0
    assert address.fault is not None


@pytest.mark.parametrize("make", [make for _, make in LONG], ids=[name for name, _ in LONG])
def test_the_longest_that_is_read_takes_no_time(make: Callable[[int], str]) -> None:
    for size in (61, 120, 250, 500, 1_000):
        text = make(size)
        started = time.perf_counter()
        parse(text)
        assert time.perf_counter() - started < 0.5
