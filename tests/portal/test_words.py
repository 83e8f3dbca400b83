"""Every word of a page goes through gettext: under a language that puts brackets round all it is asked for, nothing is
left outside of brackets but data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from gettext import NullTranslations
from html.parser import HTMLParser

import pytest
from django.test import Client
from django.utils import translation
from django.utils.translation import trans_real
from pytest_django import Settings

from tests.portal.routes import FILLED, World, address, make_world, routes
from tests.verification.factories import give_verdict, make_job
from verification.engine.types import Blame, Reason, Result
from verification.models import Check

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]
LANGUAGE = "en-gb"  # for the forms of dates
NOT_HERE = ("admin/", "api/", "v3/", "docs/", "healthz")  # staff's pages are in English, and so is what programs read
NO_WORDS = {"script", "style", "pre", "code", "textarea"}
SPOKEN = {"aria-label", "title", "placeholder", "alt"}
# Data, names, and what is the same in every language.
DATA = re.compile(
    r"\S+@\S+|https?://\S+|\S*\.(?:test|csv|example|com)\b|victim\S*( (?:account|list))?|account-\d+|evp_\w+|Candour"
    r"|JSON Lines|UTC|CSV|XLSX|DNS|MX|SPF|DKIM|DMARC|MB|KB|ms\b|v=\S+.*|whsec_\S+|msg_\w+|Firefox|Europe/\w+"
    r"|[\w-]*[0-9a-f]{8,}[\w…-]*|UTF-8|Latin-1|A key|verify, jobs, results, account|\b(?:Ok|Bad) / \w+"
    r"|^(?:name|email|Jane|Joe|DE)$"
)


class Bracketed(NullTranslations):
    """A language in which every text is itself, in brackets."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        return f"⟦{singular if number == 1 else plural}⟧"

    def pgettext(self, context: str, message: str) -> str:  # noqa: ARG002
        return f"⟦{message}⟧"

    def npgettext(self, context: str, singular: str, plural: str, number: int) -> str:  # noqa: ARG002
        return self.ngettext(singular, plural, number)


class Words(HTMLParser):
    """Collects what a reader of a page sees or hears."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in NO_WORDS:
            self.inside.append(tag)
        self.said += [f"\n{value}\n" for name, value in attrs if name in SPOKEN and value and not self.inside]

    def handle_endtag(self, tag: str) -> None:
        if self.inside and tag == self.inside[-1]:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        if not self.inside:
            self.said.append(data)


def outside(page: str) -> list[str]:
    """Give the words of a page that stand outside of all brackets."""
    words = Words()
    words.feed(page)
    left, depth = [], 0
    for letter in "\n".join(words.said):
        depth += (letter == "⟦") - (letter == "⟧")
        left.append(letter if depth == 0 and letter != "⟧" else "")
    lines = (DATA.sub("", line.strip()) for line in "".join(left).splitlines())
    return [line for line in lines if re.search("[A-Za-z]{2}", line)]


@contextmanager
def brackets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(trans_real._translations, LANGUAGE, Bracketed())  # type: ignore[attr-defined]  # of Django
    with translation.override(LANGUAGE):
        yield


@pytest.fixture
def world() -> World:
    """Give an account with a row of each reason and each kind."""
    world = make_world("victim")
    job = make_job([f"victim{number}@ok.test" for number in range(20)], account=world.account)
    checks = Check.objects.filter(job=job).order_by("position")
    blames = list(Blame)
    for number, (check, reason) in enumerate(zip(checks, Reason, strict=False)):
        result = list(Result)[number % 4]
        give_verdict(check, result, reason, blames[number % len(blames)], final=number % 5 > 0)
    return world


def test_every_word_goes_through_gettext(
    client: Client, world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SIGN_UP = "open"
    found: dict[str, list[str]] = {}
    with brackets(monkeypatch):
        for user in (world.owner, None):
            for route in routes():
                if route.path.startswith(NOT_HERE):
                    continue
                client.logout()
                if user:
                    client.force_login(user)
                unknown = {name: "1-x" for name in route.arguments if name not in FILLED}
                answer = client.get(address(route, world, **unknown))
                is_page = answer.get("Content-Type", "").startswith("text/html") and answer.status_code != 302
                left = outside(answer.text) if is_page else []
                if left:
                    found[f"{route} for {user}"] = left
    assert found == {}


@pytest.mark.parametrize(
    ("page", "left"),
    [
        ("<p>⟦Go on⟧</p>", []),
        ("<p>Go on</p>", ["Go on"]),
        ("<p>⟦Go <b>on</b>, ⟦now⟧⟧ jane@ok.test</p><script>let go</script>", []),
        ('<a title="Go on">⟦x⟧</a>', ["Go on"]),
    ],
)
def test_what_counts_as_outside(page: str, left: list[str]) -> None:
    assert outside(page) == left
