from __future__ import annotations

from pathlib import Path

import pytest
from publicsuffixlist import PublicSuffixList

from verification.engine.lists import is_disposable, is_free, is_role, is_spam_trap
from verification.engine.syntax import parse

DATA = Path("verification/engine/data")


@pytest.mark.parametrize(
    "user",
    [
        "info",
        "INFO",
        "postmaster",
        "sales",
        "no-reply",
        "noreply",
        "No.Reply",
        "do_not_reply",
        "sales+eu",
        '"info"',
        "customer-service",
        "kontakt",
        "mailer-daemon",
        "x-request",
        "owner-x",
        "x-bounces",
    ],
)
def test_is_role(user: str) -> None:
    assert is_role(user) is True


@pytest.mark.parametrize(
    "user", ["jane.doe", "infos2go", "salesman", "", "request-x", "jane", "josé", "i" * 10_000_000, "\ud800"]
)
def test_is_no_role(user: str) -> None:
    assert is_role(user) is False


@pytest.mark.parametrize(
    ("domain", "free"),
    [
        ("gmail.com", True),
        ("web.de", True),
        ("vip.qq.com", True),
        ("mail.yahoo.com", True),
        ("example.com", False),
        ("notgmail.com", False),
        ("com", False),
        ("[192.0.2.1]", False),
        ("", False),
    ],
)
def test_is_free(domain: str, free: bool) -> None:
    assert is_free(domain) is free


@pytest.mark.parametrize(
    ("domain", "disposable"),
    [
        ("mailinator.com", True),
        ("any.mailinator.com", True),
        ("yopmail.com", True),
        ("guerrillamail.com", True),
        ("gmail.com", False),
        ("duck.com", False),
        ("consultant.com", False),
        ("za.com", False),
        ("nus.edu.sg", False),
        ("tulsa.gov", False),
        ("inator.com", False),
        ("com", False),
        ("", False),
    ],
)
def test_is_disposable(domain: str, disposable: bool) -> None:
    assert is_disposable(domain) is disposable


@pytest.mark.parametrize(
    ("domain", "disposable"), [("dea.test", True), ("a.b.dea.test", True), ("adea.test", False), ("test", False)]
)
def test_further_disposable_domains_cover_the_names_below(domain: str, disposable: bool) -> None:
    assert is_disposable(domain, frozenset({"dea.test"})) is disposable


@pytest.mark.parametrize(
    ("text", "trap"),
    [
        ("jane@trap.test", True),
        ("jane@Mail.Trap.test", True),
        ("Caught@example.com", True),
        ("jane@example.com", False),
        ("caught@mail.example.com", False),
        ("a..b@trap.test", False),
        ("nobody", False),
    ],
)
def test_is_spam_trap(text: str, trap: bool) -> None:
    assert is_spam_trap(parse(text), frozenset({"trap.test", "caught@example.com"})) is trap


def test_the_shipped_list_of_spam_traps_is_empty() -> None:
    assert not is_spam_trap(parse("jane@example.com"))
    assert [line for line in (DATA / "spam_traps.txt").read_text().splitlines() if not line.startswith("#")] == []


@pytest.mark.parametrize("name", ["disposable.txt", "free.txt"])
def test_lists_are_sorted_domains_with_version_and_source(name: str) -> None:
    lines = (DATA / name).read_text("ascii").splitlines()
    header = [line for line in lines if line.startswith("#")]
    domains = lines[len(header) :]
    assert sum(line.startswith("# Version 2") for line in header) == 1
    assert sum(line.startswith("# Sources:") for line in header) == 1
    assert domains == sorted(set(domains))
    assert [domain for domain in domains if parse(f"x@{domain}").ascii_domain != domain] == []
    assert (DATA / name).stat().st_size < 1_000_000


def test_no_list_names_a_whole_public_suffix() -> None:
    suffixes = PublicSuffixList()
    for name in ("disposable.txt", "free.txt"):
        domains = [line for line in (DATA / name).read_text().splitlines() if not line.startswith("#")]
        assert [domain for domain in domains if suffixes.is_public(domain)] == []


def test_no_domain_is_both_free_and_disposable() -> None:
    free = [line for line in (DATA / "free.txt").read_text().splitlines() if not line.startswith("#")]
    assert [domain for domain in free if is_disposable(domain)] == []
