from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verification.api.json_reader import JsonRefused, Reader, load

SAMPLE = """{
  "recipients": [
    {"mail": {"to": [{"email": "Jane <jané@example.com>"}, {"email": "a\\u00e9\\"b@example.org"}]}, "reference": "c-1"}
  ],
  "job": {"options": {}, "numbers": [0, -1.5e+3, true, false, null, "\\ud83d\\ude00"], "empty": []}
}
"""


def refusal(text: str | bytes) -> str:
    with pytest.raises(JsonRefused) as refused:
        load(text if isinstance(text, bytes) else text.encode())
    return str(refused.value)


def test_a_good_text_is_read() -> None:
    assert load(SAMPLE.encode()) == json.loads(SAMPLE)


@pytest.mark.parametrize("text", ["1", '"a"', "null", "[]", " {} ", "[[]]", "1e400", "1" * 5_000])
def test_good_texts_pass_both_readers(text: str) -> None:
    load(text.encode())
    Reader(text).read()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # places known from Gson's own tests
        ('[\n\n\n\n\n"a",}]', "Expected value at line 6 column 5 path $[1]"),
        ('[1,{"a":[2,3,}', "Expected value at line 1 column 14 path $[1].a[2]"),
        ('{"a":}', "Expected value at line 1 column 6 path $.a"),
        ('{\n   "h\\ello": true}', "Invalid escape sequence at line 2 column 8 path $."),
        ('["\\u000g"]', "Malformed Unicode escape \\u000g at line 1 column 5 path $[0]"),
        ('["\\u000', "Unterminated escape sequence at line 1 column 5 path $[0]"),
        ('["\\', "Unterminated escape sequence at line 1 column 4 path $[0]"),
        ('["string', "Unterminated string at line 1 column 9 path $[0]"),
        ('{"a":"android"x', "Unterminated object at line 1 column 16 path $.a"),
        ('{"a":"b",}', "Expected name at line 1 column 11 path $.a"),
        # stricter than Gson, which skips a byte order mark
        ("\ufeff[1]", "Expected value at line 1 column 1 path $"),
        ("\ufeff", "Expected value at line 1 column 1 path $"),
        ("[\ufeff1]", "Expected value at line 1 column 2 path $[0]"),
        # the end of the text
        ("", "End of input at line 1 column 1 path $"),
        (" \n ", "End of input at line 2 column 2 path $"),
        ("{", "End of input at line 1 column 2 path $."),
        ("[", "End of input at line 1 column 2 path $[0]"),
        ("[1", "End of input at line 1 column 3 path $[1]"),
        ("[1,", "End of input at line 1 column 4 path $[1]"),
        ('{"a"', "End of input at line 1 column 5 path $.a"),
        ('{"a":', "End of input at line 1 column 6 path $.a"),
        ('{"a":[{"b":1}', "End of input at line 1 column 14 path $.a[1]"),
        # what was expected
        ('["a" "b"]', "Unterminated array at line 1 column 7 path $[1]"),
        ('{"to":[{"a":1}}', "Unterminated array at line 1 column 16 path $.to[1]"),
        ('{"a" 1}', "Expected ':' at line 1 column 7 path $.a"),
        ("{1:2}", "Expected name at line 1 column 2 path $."),
        ('{"a":1,b:2}', "Expected name at line 1 column 8 path $.a"),
        ("[1,]", "Expected value at line 1 column 4 path $[1]"),
        ("[,1]", "Expected value at line 1 column 2 path $[0]"),
        ("{'a':1}", "Expected name at line 1 column 2 path $."),
        ("['a']", "Expected value at line 1 column 2 path $[0]"),
        ("[tru", "Expected value at line 1 column 2 path $[0]"),
        ("[truex]", "Expected value at line 1 column 2 path $[0]"),
        ("[01]", "Expected value at line 1 column 2 path $[0]"),
        ("[1.]", "Expected value at line 1 column 2 path $[0]"),
        ("[-]", "Expected value at line 1 column 2 path $[0]"),
        ("[+1]", "Expected value at line 1 column 2 path $[0]"),
        ("[NaN]", "Expected value at line 1 column 2 path $[0]"),
        ("[-Infinity]", "Expected value at line 1 column 2 path $[0]"),
        ("// x\n[]", "Expected value at line 1 column 1 path $"),
        ("[1 /* x */]", "Unterminated array at line 1 column 5 path $[1]"),
        ("[1] # x", "Expected end of input at line 1 column 6 path $"),
        ("{}{}", "Expected end of input at line 1 column 4 path $"),
        # stricter than Gson
        ('{"a":1,"a":2}', "Duplicate name at line 1 column 11 path $.a"),
        ('{"a":1,"\\u0061":2}', "Duplicate name at line 1 column 16 path $.a"),
        ('["\\ud800"]', "Malformed Unicode escape \\ud800 at line 1 column 5 path $[0]"),
        ('["\\udc00\\ud800"]', "Malformed Unicode escape \\udc00 at line 1 column 5 path $[0]"),
        ('["\\ud800\\u0041"]', "Malformed Unicode escape \\ud800 at line 1 column 5 path $[0]"),
        ('["a\nb"]', "Unescaped control character at line 2 column 1 path $[0]"),
        ('["\\u0\n"]', 'Malformed Unicode escape \\u0\ufffd"] at line 1 column 5 path $[0]'),
        (b'{"a":["\xff"]}', "Invalid UTF-8 at line 1 column 9 path $.a[0]"),
        (b'["\xed\xa0\x80"]', "Invalid UTF-8 at line 1 column 4 path $[0]"),
        (b"\xff\xfe[\x00]\x00", "Expected value at line 1 column 1 path $"),
    ],
)
def test_what_is_wrong_and_where(text: str | bytes, expected: str) -> None:
    assert refusal(text) == expected


def test_nesting_ends_at_100() -> None:
    load(b"[" * 100 + b"]" * 100)
    assert refusal("[" * 101 + "]" * 101).startswith("Nesting limit 100 reached at line 1 column 102 path $[0][0]")
    assert refusal('{"a":' * 100_000).startswith("Nesting limit 100 reached at line 1 column 502 path $.a.a")


def test_a_long_name_is_shortened() -> None:
    assert refusal('{"' + "n" * 1_000 + '":}') == f"Expected value at line 1 column 1005 path $.{'n' * 100}"


def test_a_sample_cut_at_every_byte_is_refused_with_a_place() -> None:
    body = SAMPLE.rstrip().encode()
    for length in range(len(body)):
        assert " at line " in refusal(body[:length]), length


@given(st.text(alphabet='{}[]":,\\u0d8c1 tnaeE.-+\n\x00é', max_size=12))
def test_both_readers_agree(text: str) -> None:
    try:
        load(text.encode())
    except JsonRefused:
        assert " at line " in refusal(text)
    else:
        Reader(text).read()


def test_a_fault_at_the_end_of_a_big_body_is_found_in_time() -> None:
    body = b'{"recipients":[' + b'{"mail":{"to":[{"email":"jane.doe@example.com"}]}},' * 20_000
    started = time.monotonic()
    assert refusal(body) == f"End of input at line 1 column {len(body) + 1} path $.recipients[20000]"
    assert time.monotonic() - started < 5
