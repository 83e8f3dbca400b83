"""Packets: written as dnspython reads them, read as dnspython writes them, and nothing breaks on bytes of strangers."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.fake_dns import Query, answer
from verification.engine.resolver import wire
from verification.engine.resolver.wire import Malformed, NameUnfit, Question, Reading

MX = Question.of("ok.test", "MX")


def query(name: str, rdtype: str) -> Query:
    message = dns.message.from_wire(Question.of(name, rdtype).packet(7))
    assert isinstance(message, dns.message.QueryMessage)
    return message


@pytest.mark.parametrize(("name", "rdtype"), [("ok.test", "MX"), ("", "NS"), ("_x-1.b.c.ok.test", "AAAA")])
def test_a_question_is_read_by_dnspython(name: str, rdtype: str) -> None:
    message = query(name, rdtype)
    question = message.question[0]
    assert (message.id, question.name.to_text(omit_final_dot=True), question.rdtype.name) == (7, name or ".", rdtype)
    assert (message.edns, message.payload, message.flags) == (0, 1232, dns.flags.RD)


@pytest.mark.parametrize("name", ["a" * 64 + ".test", "a..test", ".test", ".".join(["a" * 63] * 4), "josé.test"])
def test_a_name_that_cannot_be(name: str) -> None:
    with pytest.raises(NameUnfit):
        Question.of(name, "MX")


@pytest.mark.parametrize(
    ("rdtype", "data", "texts"),
    [
        ("MX", ["10 MX.ok.test.", "0 ."], ("10 mx.ok.test", "0 .")),
        ("A", ["192.0.2.1"], ("192.0.2.1",)),
        ("AAAA", ["2001:DB8::1"], ("2001:db8::1",)),
        ("NS", ["ns.ok.test."], ("ns.ok.test",)),
        ("CNAME", ["else.where."], ("else.where",)),
        ("TXT", ['"v=spf1" " -all"'], ("v=spf1 -all",)),
        ("MX", ["10 od\\.d\\032.ok.test."], ("10 od\\046d\\032.ok.test",)),
    ],
)
def test_records_are_read(rdtype: str, data: list[str], texts: tuple[str, ...]) -> None:
    asked = query("ok.test", rdtype)
    packet = answer(asked, ("ok.test", rdtype, data)).to_wire()
    question = Question.of("ok.test", rdtype)
    assert question.is_answered_by(packet)
    reading = wire.read(packet, question)
    assert (sorted(reading.records), reading.ttl) == (sorted(texts), 300)


def test_odd_names_survive_the_round_trip() -> None:
    assert Question.of("od\\046d\\032.test", "A").wire[:10] == b"\x05od.d \x04tes"


def test_aliases_of_one_answer_are_followed() -> None:
    packet = answer(
        query("ok.test", "MX"),
        ("b.test", "MX", ["10 mx.b.test."]),
        ("a.test", "CNAME", ["b.test."]),
        ("ok.test", "CNAME", ["a.test."]),
        ("stranger.test", "MX", ["1 evil.test."]),
    ).to_wire()
    assert wire.read(packet, MX) == Reading(0, records=("10 mx.b.test",), ttl=300)


@pytest.mark.parametrize(
    ("packet", "reading"),
    [
        (answer(query("ok.test", "MX"), rcode="NXDOMAIN", soa=True), Reading(3, ttl=60)),
        (answer(query("ok.test", "MX"), soa=True), Reading(0, ttl=60)),
        (answer(query("ok.test", "MX"), soa=True, ttl=20), Reading(0, ttl=20)),
        (answer(query("ok.test", "MX")), Reading(0)),
        (answer(query("ok.test", "MX"), rcode="SERVFAIL"), Reading(2)),
        (answer(query("ok.test", "MX"), ("ok.test", "CNAME", ["b.test."])), Reading(0, ttl=300, alias="b.test")),
        (answer(query("ok.test", "MX"), ("ok.test", "CNAME", ["b.test."]), soa=True), Reading(0, ttl=60)),
        (answer(query("ok.test", "MX"), ("ok.test", "CNAME", ["b.test."]), rcode="NXDOMAIN"), Reading(3)),
    ],
)
def test_answers_without_records(packet: dns.message.Message, reading: Reading) -> None:
    assert wire.read(packet.to_wire(), MX) == reading


@pytest.mark.parametrize(("authoritative", "is_referral"), [(False, True), (True, False)])
def test_a_referral_is_no_answer(authoritative: bool, is_referral: bool) -> None:
    message = answer(query("ok.test", "MX"))
    message.authority.append(dns.rrset.from_text("test.", 300, "IN", "NS", "ns.test."))
    message.flags |= dns.flags.AA if authoritative else 0
    assert wire.read(message.to_wire(), MX).is_referral is is_referral


def test_of_many_mx_the_best_hundred_are_kept() -> None:
    data = [f"{preference} mx{preference}.ok.test." for preference in reversed(range(1000))]
    packet = answer(query("ok.test", "MX"), ("ok.test", "MX", data)).to_wire(max_size=65_535)
    assert wire.read(packet, MX).records == tuple(f"{number} mx{number}.ok.test" for number in range(100))


GOOD = answer(query("ok.test", "MX"), ("ok.test", "MX", ["10 mx.ok.test."])).to_wire()


@pytest.mark.parametrize(
    "packet",
    [
        GOOD[:11],
        GOOD[:2] + b"\x01\x00" + GOOD[4:],  # a question, no response
        GOOD[:2] + b"\xa9\x80" + GOOD[4:],  # other opcode
        GOOD[:4] + b"\0\2" + GOOD[6:],
        GOOD.replace(b"\x02ok", b"\x02no"),
        GOOD.replace(b"\0\x0f\0\1", b"\0\x01\0\1", 1),
    ],
)
def test_what_answers_another_question(packet: bytes) -> None:
    assert MX.is_answered_by(packet) is False


def test_case_of_the_question_may_differ() -> None:
    assert MX.is_answered_by(GOOD.replace(b"\x02ok", b"\x02oK")) is True


PREFIX = GOOD[:6] + b"\0\1\0\0\0\0" + MX.wire


@pytest.mark.parametrize(
    "rest",
    [
        b"",
        b"\xc0\x0c\0\x0f",
        b"\xc0\x0c\0\x0f\0\1\0\0\0\0\0\xff\0\x0a\0",  # longer than the packet
        b"\xc0\x0c\0\x0f\0\1\0\0\0\0\0\x04\0\x0a\xc0\x27",  # a name that points at itself
        b"\xc0\x0c\0\x0f\0\1\0\0\0\0\0\x04\0\x0a\xc0\xff",  # to the back
        b"\xc0\x0c\0\x0f\0\1\0\0\0\0\0\x04\0\x0a\x80\0",  # a kind of label nobody knows
        b"\xc0\x0c\0\x0f\0\1\0\0\0\0\0\x05\0\x0a\x02ab\0",  # longer than its length says
        b"\xc0\x0c\0\x0f\0\1\0\0\0\0\0\x02\0\x0a",
        b"\xc0\x0c\0\x05\0\1\0\0\0\0\0\x02\xc0\x0c",  # an alias of itself
    ],
)
def test_malformed_answers(rest: bytes) -> None:
    with pytest.raises(Malformed):
        wire.read(PREFIX + rest, MX)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(rest: bytes) -> None:
    try:
        reading = wire.read(PREFIX + rest, MX)
    except Malformed:
        return
    assert len(reading.records) <= 1


@given(st.integers(min_value=0, max_value=len(GOOD) - 1), st.integers(min_value=0, max_value=255))
def test_any_flipped_byte_is_read_or_refused(place: int, value: int) -> None:
    packet = GOOD[:place] + bytes((value,)) + GOOD[place + 1 :]
    if MX.is_answered_by(packet):
        try:
            wire.read(packet, MX)
        except Malformed:
            return
