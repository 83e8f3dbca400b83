"""The demo on the landing page: answers of the table, nobody asked, so many a minute."""

from __future__ import annotations

from html import unescape
from urllib.parse import quote

import pytest
from django.test import Client
from django.utils.html import strip_tags

from accounts.domain.guesses import Bucket
from accounts.models import Guess
from tests.portal.routes import everything_kept

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]


def shown(client: Client, address: str) -> list[str]:
    """Give the lines of the verdict; [] when there is none."""
    response = client.get(f"/?e={quote(address)}")
    assert response.status_code == 200
    verdict = response.text.partition('role="status">')[2].partition('<p class="small muted examples-title">')[0]
    text = unescape(strip_tags(verdict.replace("</li>", "\n").replace("</dt>", ": ")))
    lines = (" ".join(line.split()) for line in text.splitlines())
    return [line for line in lines if line]


def test_a_verdict_with_its_evidence(client: Client) -> None:
    assert shown(client, " missing@ok.test ") == [
        "Bad No such mailbox",
        "The mail server knows nobody of this name. Take it off your list: it would bounce.",
        "Whose fault: The address itself",
        "Cost: One check",
        "Evidence",
        "DNS the domain has a mail host",
        "mx.ok.test 550 5.1.1 to RCPT TO: No such user here (no mailbox)",
    ]


@pytest.mark.parametrize(
    ("address", "verdict", "fault", "cost"),
    [
        ("jane@ok.test", "Good Mailbox exists", "", "One check"),
        (
            "jane@blocked.test",
            "Try again later No answer this time",
            "Our sending address is not welcome there (not charged)",
            "Nothing: it was our trouble",
        ),
        ("jane@catchall.test", "Cannot be verified Server accepts everybody", "Their mail server's rules", "One check"),
        ("jane@nxdomain.test", "Bad Domain does not exist", "The address itself", "One check"),
        ("jane.ok.test", "Bad No @ in it", "The address itself", "One check"),
        (
            "jane@killer-exit.test",
            "Cannot be verified Cause not known",
            "Our own fault (not charged)",
            "Nothing: it was our trouble",
        ),
    ],
)
def test_whose_fault_it_is_and_what_it_costs(client: Client, address: str, verdict: str, fault: str, cost: str) -> None:
    lines = shown(client, address)
    facts = [line.removeprefix("Whose fault: ") for line in lines if line.startswith("Whose fault: ")]
    costs = [line.removeprefix("Cost: ") for line in lines if line.startswith("Cost: ")]
    assert (lines[0], facts, costs) == (verdict, [fault] if fault else [], [cost])


@pytest.mark.parametrize("address", ["jane@gmail.com", "jane", "test", f"{'x' * 320}@ok.test", "jane@ok.test.example"])
def test_only_the_test_world_is_answered(client: Client, address: str) -> None:
    response = client.get(f"/?e={quote(address)}")
    assert response.status_code == 422
    assert "The demo answers for addresses that end in .test" in response.text
    assert not Guess.objects.exists()


@pytest.mark.parametrize(
    "address", ["\0@ok.test", '"<script>alert(1)</script>"@ok.test', "😀@ok.test", "a@\u202e.test"]
)
def test_any_text_is_answered_and_shown_as_text(client: Client, address: str) -> None:
    assert "<script>alert" not in client.get(f"/?e={quote(address)}").text


def test_nothing_is_asked_nor_kept(client: Client) -> None:
    Guess.objects.create(bucket=b"x", count=1, until="2026-01-01T00:00Z")
    before = everything_kept()
    shown(client, "jane@ok.test")
    kept = everything_kept()
    assert [label for label in kept if kept[label] != before[label]] == ["accounts.Guess"]


def test_a_client_is_answered_so_often_in_a_minute(client: Client) -> None:
    for _ in range(Bucket.DEMO.value.amount):
        assert client.get("/?e=jane@ok.test").status_code == 200
    response = client.get("/?e=jane@ok.test")
    assert response.status_code == 429
    assert "The demo goes on in a minute." in response.text
    assert client.get("/").status_code == 200
    assert Client(REMOTE_ADDR="192.0.2.7").get("/?e=jane@ok.test").status_code == 200
    assert sorted(Guess.objects.values_list("count", flat=True)) == [1, 30, 31]
    Guess.objects.update(until="2026-01-01T00:00Z")
    assert client.get("/?e=jane@ok.test").status_code == 200
