from __future__ import annotations

import pytest

from verification.domain.person import NoAddress, person

JANE, GMAIL = "Jane@Ok.test", "jane.doe@gmail.com"


@pytest.mark.parametrize(
    ("who", "text"),
    [
        (JANE, "jane@ok.test"),
        (JANE, " JANE@OK.TEST "),
        (JANE, "Jane Doe <jane@ok.test>"),
        (JANE, '"jane"@ok.test'),
        (GMAIL, "janedoe@gmail.com"),
        (GMAIL, "j.a.n.e.doe+news@googlemail.com"),
        ("janedoe+news@googlemail.com", "jane.doe@gmail.com"),
        ("jane@bücher.example", "jane@xn--bcher-kva.example"),
        ("jane@xn--bcher-kva.example", "Jane@Bücher.example"),
        ("jürgen@bücher.example", "JÜRGEN@xn--bcher-kva.example"),
    ],
)
def test_one_mailbox_however_it_is_written(who: str, text: str) -> None:
    assert person(who).owns(text)
    assert person(who).is_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "jane",
        "jane@ok.test.au",
        "mary.jane@ok.test",
        "o'jane@ok.test",
        "jane@sub.ok.test",
        "jane@ok.testing",
        "a@b@c",
    ],
)
def test_other_peoples_addresses(text: str) -> None:
    assert not person(JANE).owns(text)
    assert not person(JANE).is_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "jane@ok.test,joe@ok.test",
        "'jane@ok.test'",
        "mailto:Jane@ok.test?subject=x",
        "wrote to jane@ok.test.",
        "(jane@ok.test)",
        "joe@ok.test; JANE@OK.TEST",
    ],
)
def test_within_a_text(text: str) -> None:
    assert person(JANE).is_in(text)
    assert person(JANE).without(["joe@ok.test", text]) == ["joe@ok.test", "(erased)"]


def test_in_the_name_of_a_file() -> None:
    assert person(JANE).is_in("jane@ok.test.csv", name=True)
    assert not person(JANE).is_in("jane@ok.test.csv")
    assert not person(JANE).is_in("mary.jane@ok.test.csv", name=True)


@pytest.mark.parametrize("text", ["", "jane", "a..b@ok.test", "jane@ok.test, joe@ok.test", "@ok.test"])
def test_no_address(text: str) -> None:
    with pytest.raises(NoAddress):
        person(text)
