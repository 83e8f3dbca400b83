from __future__ import annotations

import time

import pytest

from verification.engine.typos import did_you_mean


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("gmial.com", "gmail.com"),
        ("gmai.com", "gmail.com"),
        ("gmaill.com", "gmail.com"),
        ("gnail.com", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("gmail.co", "gmail.com"),
        ("hotmial.com", "hotmail.com"),
        ("hotmil.com", "hotmail.com"),
        ("yahooo.com", "yahoo.com"),
        ("yaho.com", "yahoo.com"),
        ("outlok.com", "outlook.com"),
        ("iclod.com", "icloud.com"),
        ("web.dr", "web.de"),
        ("t-onlien.de", "t-online.de"),
        ("yahoo.co.ik", "yahoo.co.uk"),
    ],
)
def test_suggests(typed: str, meant: str) -> None:
    assert did_you_mean(typed) == meant


@pytest.mark.parametrize(
    "domain",
    [
        *("gmail.com", "mail.com", "ymail.com", "gmx.de", "example.com", "bulk-1.test", "abc.com", "bbc.com", "me.org"),
        *("", "com", "[192.0.2.1]", "xn--mller-kva.de", "hot.com"),
    ],
)
def test_suggests_nothing(domain: str) -> None:
    assert did_you_mean(domain) == ""


def test_a_long_name_takes_no_time() -> None:
    started = time.perf_counter()
    assert did_you_mean("a" * 10_000_000) == ""
    assert time.perf_counter() - started < 0.5
