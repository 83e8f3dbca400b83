from __future__ import annotations

import pytest

from verification.api.live_query import BadRequest, read
from verification.domain.live import LiveRequest

KEY = "evp_live_lfdbxz53yrq7nyedat3ftd7h2tgyfl4z4d2h7d"  # fixed: it stands in names of tests
OTHER = "evp_live_gku2qacahofaf5ctrv3sipkjhnbnstihbw4bew"


def query(text: str) -> bytes:
    return text.replace("KEY", KEY).replace("OTHER", OTHER).encode()


@pytest.mark.parametrize(
    ("text", "email"),
    [
        ("k=KEY&e=jane@example.com", "jane@example.com"),
        ("e=jane@example.com&k=KEY", "jane@example.com"),
        ("k=KEY&e=user+tag@x.com", "user+tag@x.com"),
        ("k=KEY&e=user%2Btag%40x.com", "user+tag@x.com"),
        ("k=KEY&e=a%20b@x.com", "a b@x.com"),
        ("k=KEY&e=a=b@x.com", "a=b@x.com"),
        ("k=KEY&e=jos%C3%A9@x.com", "josé@x.com"),
        ("k=KEY&e=josé@x.com", "josé@x.com"),
        ("k=KEY&e=100%@x.com", "100%@x.com"),
        ("k=KEY&e=%00", "\0"),
        ("k=KEY&e=" + "a" * 255, "a" * 255),
        ("k=KEY&e=jane@example.com&x=1&&e2=3", "jane@example.com"),
    ],
)
def test_the_address_is_taken_as_written(text: str, email: str) -> None:
    assert read(query=query(text)) == LiveRequest(secret=KEY, email=email)


@pytest.mark.parametrize(
    ("authorization", "license_key", "text"),
    [
        (f"Bearer {KEY}", "", "e=a@b.c"),
        ("", KEY, "e=a@b.c"),
        (f"Bearer {KEY}", KEY, "e=a@b.c&k=KEY"),
    ],
)
def test_the_key_may_be_in_a_header(authorization: str, license_key: str, text: str) -> None:
    assert read(query=query(text), authorization=authorization, license_key=license_key).secret == KEY


def test_waiting_and_age_may_be_asked_for() -> None:
    request = read(query=query("k=KEY&e=a@b.c&max_wait=1.5&max_age=0"), sandbox=True)
    assert request == LiveRequest(secret=KEY, email="a@b.c", max_wait=1.5, max_age=0, sandbox=True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "No license key"),
        ("k=&e=a@b.c", "No license key"),
        ("e=a@b.c", "No license key"),
        ("k=KEY", "No email address"),
        ("k=KEY&e=", "No email address"),
        ("k=KEY&e=%20%20", "No email address"),
        ("k=KEY&e=" + "a" * 256, "Email address too long"),
        ("k=nonsense&e=a@b.c", "License key in incorrect format"),
        ("k=" + KEY[:-1] + ("a" if KEY[-1] != "a" else "b") + "&e=a@b.c", "License key in incorrect format"),
        ("k=" + KEY.upper() + "&e=a@b.c", "License key in incorrect format"),
        ("k=KEY&k=KEY&e=a@b.c", "Parameter k given more than once"),
        ("k=KEY&e=a@b.c&e=a@b.c", "Parameter e given more than once"),
        ("k=KEY&e=a@b.c&%65=a@b.c", "Parameter e given more than once"),
        ("k=KEY&e=%FF@b.c", "Parameter e is not UTF-8"),
        ("k=KEY&e=a@b.c&max_wait=0", "Parameter max_wait must be a number from 1 to 90"),
        ("k=KEY&e=a@b.c&max_wait=91", "Parameter max_wait must be a number from 1 to 90"),
        ("k=KEY&e=a@b.c&max_wait=soon", "Parameter max_wait must be a number from 1 to 90"),
        ("k=KEY&e=a@b.c&max_wait=nan", "Parameter max_wait must be a number from 1 to 90"),
        ("k=KEY&e=a@b.c&max_age=-1", "Parameter max_age must be a number from 0 to 2592000"),
    ],
)
def test_bad_queries(text: str, reason: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read(query=query(text))
    assert str(refused.value) == reason


@pytest.mark.parametrize(
    ("authorization", "license_key", "reason"),
    [
        (f"Bearer {OTHER}", "", "License keys differ"),
        ("", OTHER, "License keys differ"),
        (f"Bearer {OTHER}", KEY, "License key in incorrect format"),
        ("Digest x", "", "License key in incorrect format"),
    ],
)
def test_keys_that_differ(authorization: str, license_key: str, reason: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read(query=query("k=KEY&e=a@b.c"), authorization=authorization, license_key=license_key)
    assert str(refused.value) == reason


def test_a_key_is_not_shown_by_accident() -> None:
    assert KEY not in repr(read(query=query("k=KEY&e=a@b.c")))
