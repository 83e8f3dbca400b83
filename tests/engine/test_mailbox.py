"""One name for one mailbox, by the rules of its provider."""

from __future__ import annotations

import pytest

from verification.engine import parse
from verification.engine.mailbox import RULES, normalized


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("J.a.n.e+shop@GoogleMail.com", "jane@gmail.com"),
        ("jane@gmail.com", "jane@gmail.com"),
        ("jane-doe@gmail.com", "jane-doe@gmail.com"),
        ("Jane.Doe+x+y@Outlook.com", "jane.doe@outlook.com"),
        ("jane@hotmail.com", "jane@hotmail.com"),
        ("jane-shop@yahoo.co.uk", "jane@yahoo.co.uk"),
        ("jane+x@yahoo.com", "jane+x@yahoo.com"),
        ("jane+x@me.com", "jane@icloud.com"),
        ("Jane_D-o.e@pm.me", "janedoe@proton.me"),
        ("jane.doe@ya.ru", "jane-doe@yandex.ru"),
    ],
)
def test_known_providers(text: str, expected: str) -> None:
    assert normalized(parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Jane.Doe+x@Example.com", "Jane.Doe+x@example.com"),  # case and dots are this server's own affair
        ("a@sub.gmail.com", "a@sub.gmail.com"),
        ('"a b"@gmail.com', '"a b"@gmail.com'),
        ('"j.ane"@gmail.com', "jane@gmail.com"),
        ("+x@gmail.com", "+x@gmail.com"),
        ("josé@example.com", "josé@example.com"),
        ("a@[192.0.2.1]", "a@[192.0.2.1]"),
        ("nobody", ""),
        ("a..b@gmail.com", ""),
        ("a@b@gmail.com", ""),
    ],
)
def test_what_no_rule_fits(text: str, expected: str) -> None:
    assert normalized(parse(text)) == expected


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.provider)
def test_normalizing_twice_changes_nothing(rule: object) -> None:
    texts = [
        f"{user}@{domain}" for domain in getattr(rule, "domains", ()) for user in ("A.b-c_d+e", "x", "-y", "+", ".z")
    ]
    once = [normalized(parse(text)) for text in texts]
    assert [normalized(parse(text)) for text in once] == once


def test_no_domain_has_two_rules() -> None:
    domains = [domain for rule in RULES for domain in rule.domains]
    assert len(set(domains)) == len(domains) > 50
