"""Replies read from bytes in any portions, within bounds."""

from __future__ import annotations

import pytest

from verification.engine.smtp.replies import MAX_CONNECTION_BYTES, Endless, Reply, ReplyReader

STREAM = (
    b"220 mx.example.com ESMTP\r\n"
    b"250-mx.example.com\r\n250-PIPELINING\r\n250 SMTPUTF8\r\n"
    b"250 2.1.0 Ok\r\n"
    b"550-5.1.1 The mailbox\r\n550 5.1.1 does not exist\r\n"
    b"550 #5.1.0 Address rejected.\r\n"
    b"550 sorry, no mailbox here by that name (#5.1.1)\r\n"
    b"354\r\n"
)
REPLIES = [
    Reply(220, "", "mx.example.com ESMTP", ("mx.example.com ESMTP",)),
    Reply(250, "", "mx.example.com PIPELINING SMTPUTF8", ("mx.example.com", "PIPELINING", "SMTPUTF8")),
    Reply(250, "2.1.0", "Ok", ("Ok",)),
    Reply(550, "5.1.1", "The mailbox does not exist", ("The mailbox", "does not exist")),
    Reply(550, "5.1.0", "Address rejected.", ("Address rejected.",)),
    Reply(
        550, "5.1.1", "sorry, no mailbox here by that name (#5.1.1)", ("sorry, no mailbox here by that name (#5.1.1)",)
    ),
    Reply(354, "", "", ("",)),
]


def read(*portions: bytes) -> list[Reply]:
    reader = ReplyReader()
    return [reply for portion in portions for reply in reader.feed(portion)]


def test_a_stream_in_one_piece() -> None:
    assert read(STREAM) == REPLIES


def test_a_stream_byte_by_byte() -> None:
    assert read(*(bytes([byte]) for byte in STREAM)) == REPLIES


@pytest.mark.parametrize("cut", range(1, len(STREAM), 7))
def test_a_stream_in_two_pieces(cut: int) -> None:
    assert read(STREAM[:cut], STREAM[cut:]) == REPLIES


def test_bare_line_feeds_end_lines_too() -> None:
    assert read(b"250-a\n250 b\n") == [Reply(250, "", "a b", ("a", "b"))]


def test_eight_bit_text_is_honest() -> None:
    assert read("550 5.1.1 Utilisateur inconnu: désolé\r\n".encode()) == [
        Reply(550, "5.1.1", "Utilisateur inconnu: désolé", ("Utilisateur inconnu: désolé",))
    ]
    assert read(b"550 no\xff\r\n") == [Reply(550, "", "no\ufffd", ("no\ufffd",))]


@pytest.mark.parametrize(
    "line",
    [
        b"550 5.1.1 no such\x00user\r\n",
        b"550 5.1.1 " + b"x" * 10_000 + b"\r\n",
        b"hello\r\n550 5.1.1 no such user\r\n",
        b"250-2.1.5 fine\r\n550 5.1.1 no such user\r\n",
        b"\x80\x81\r\n550 5.1.1 no such user\r\n",
    ],
)
def test_what_no_honest_server_sends_marks_the_reply_as_damaged(line: bytes) -> None:
    [reply] = read(line)
    assert (reply.code, reply.damaged) == (550, True)


def test_damage_stays_with_the_connection() -> None:
    assert [reply.damaged for reply in read(b"250 a\r\n", b"junk\r\n", b"250 b\r\n", b"250 c\r\n")] == [
        False,
        True,
        True,
    ]


def test_empty_lines_are_harmless() -> None:
    assert read(b"\r\n220 hi\r\n\r\n") == [Reply(220, "", "hi", ("hi",))]


def test_part_of_a_reply_is_pending() -> None:
    reader = ReplyReader()
    states = []
    for portion in (b"", b"250-a\r\n", b"250 b", b"\r\n", b"2"):
        reader.feed(portion)
        states.append(reader.pending)
    assert states == [False, True, True, False, True]


@pytest.mark.parametrize(
    "flood",
    [
        b"220-still talking\r\n" * 500,
        b"x" * 100_000,
        b"junk\r\n" * (MAX_CONNECTION_BYTES // 6 + 1),
        b"250 ok\r\n" * (MAX_CONNECTION_BYTES // 8 + 1),
    ],
    ids=["lines of a reply", "one line", "junk", "replies"],
)
def test_endless_talk_is_cut_off(flood: bytes) -> None:
    with pytest.raises(Endless):
        read(*(flood[start : start + 4096] for start in range(0, len(flood), 4096)))


def test_what_one_server_garbles_does_not_stain_another() -> None:
    assert [reply.damaged for reply in ReplyReader().feed(b"250 Ok\r\n")] == [False]
    assert [reply.damaged for reply in ReplyReader().feed(b"noise\r\n250 Ok\r\n")] == [True]
    assert [reply.damaged for reply in ReplyReader().feed(b"250 Ok\r\n")] == [False]
    assert [reply.damaged for reply in ReplyReader().feed(b"250-Ok\r\n250 Ok\r\n")] == [False]
