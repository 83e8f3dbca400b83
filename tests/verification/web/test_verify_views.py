"""One address, checked from a page of the real web process against the mail world."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from uuid import uuid4

import httpx
import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.domain import quota
from accounts.models import Account, LedgerEntry, Reservation, Role, User
from tests.asgi_server import serving
from tests.factories import make_account, make_member
from tests.fixtures_mail_world import MailWorld
from tests.verification.factories import give_verdict, make_list, owner_of
from verification.models import Check, PendingTally
from verification.web import verify_asgi

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def url(settings: Settings, mail_world: MailWorld) -> Iterator[str]:
    settings.MAIL_WORLD = True
    settings.MAIL_WORLD_DNS = mail_world.dns
    settings.MAIL_WORLD_SMTP_PORT = mail_world.smtp_port
    with serving() as url:
        yield url


@pytest.fixture
def account() -> Account:
    return make_account(monthly_quota=10)


def signed_in(user: User) -> dict[str, str]:
    client = Client()
    client.force_login(user)
    client.get("/you/")  # for the CSRF cookie
    return {name: morsel.value for name, morsel in client.cookies.items()}


def page_of(account: Account) -> str:
    return reverse("verify", args=[account.slug])


def send(
    url: str, account: Account, email: str, token: object = None, cookies: dict[str, str] | None = None
) -> httpx.Response:
    cookies = cookies or signed_in(owner_of(account))
    asked = {"email": email, "token": str(token or uuid4()), "csrfmiddlewaretoken": cookies.get("csrftoken", "")}
    return httpx.post(f"{url}{page_of(account)}", data=asked, cookies=cookies, timeout=60, headers={"Origin": url})


def text_of(client: Client, path: str) -> str:
    page = client.get(path)
    assert page.status_code == 200
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page.text)).split())


def test_an_address_is_checked_and_explained(url: str, client: Client, account: Account) -> None:
    answer = send(url, account, "Jane <missing@ok-1.test>")
    check = Check.objects.get()

    assert (answer.status_code, answer.headers["Location"]) == (302, f"/a/{account.slug}/checks/{check.pk}")
    assert verify_asgi.ASKED not in answer.headers
    assert check.key is None
    assert (check.address, check.job, check.verdict.result, check.verdict.reason) == (
        *("missing@ok-1.test", None),
        *("Bad", "MailboxDoesNotExist"),
    )
    tally = PendingTally.objects.get()
    assert (tally.key, tally.source, tally.result, tally.count, tally.charged) == (None, "live", "Bad", 1, 1)
    assert quota.left(account_id=account.pk) == 9

    client.force_login(owner_of(account))
    text = text_of(client, answer.headers["Location"])
    assert "Bad No such mailbox The mail server knows nobody of this name." in text
    assert "What to do: Take it off your list: it would bounce." in text
    assert "Cause The address itself" in text
    assert "How we know: what was said" in text
    assert "550 5.1.1 to RCPT TO" in text


def test_a_double_click_is_one_check(url: str, account: Account) -> None:
    token = uuid4()
    cookies = signed_in(owner_of(account))  # here: a thread would leave its connection open
    with ThreadPoolExecutor(2) as people:
        answers = list(people.map(lambda _: send(url, account, "user@ok-2.test", token, cookies), range(2)))
    answers.append(send(url, account, "user@ok-2.test", token, cookies))

    check = Check.objects.get()
    assert {answer.headers["Location"] for answer in answers} == {f"/a/{account.slug}/checks/{check.pk}"}
    assert quota.left(account_id=account.pk) == 9


def test_a_recent_answer_is_given_again(url: str, client: Client, account: Account) -> None:
    first, second = (send(url, account, "user@ok-3.test") for _ in range(2))

    assert first.headers["Location"] != second.headers["Location"]
    assert quota.left(account_id=account.pk) == 8
    client.force_login(owner_of(account))
    assert "This is the answer to an earlier check" in text_of(client, second.headers["Location"])


def test_what_is_our_fault_is_free(url: str, client: Client, account: Account) -> None:
    answer = send(url, account, "user@blocked-1.test")

    assert Check.objects.get().verdict.blame.startswith("our_")
    assert quota.left(account_id=account.pk) == 10
    client.force_login(owner_of(account))
    assert "Cost Free" in text_of(client, answer.headers["Location"])


def test_too_many_at_once_are_told_to_wait(url: str, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_asgi, "MOST_OF_AN_ACCOUNT", 0)
    answer = send(url, account, "user@ok-4.test")

    assert answer.headers["Location"] == f"{page_of(account)}?said=busy"
    assert quota.left(account_id=account.pk) == 10


def test_a_mistyped_address_costs_nothing(client: Client, account: Account) -> None:
    client.force_login(owner_of(account))
    for email, words in (("jane.example.test", "there is no at-sign"), ("", "Type an address.")):
        answer = client.post(page_of(account), {"email": email, "token": str(uuid4())})
        assert (answer.status_code, words in answer.text, "alert" in answer.text) == (400, True, True)
    answer = client.post(page_of(account), {"email": "jane@ok.test"})
    assert (answer.status_code, "The form was not whole." in answer.text) == (400, True)
    assert list(Reservation.objects.all()) == []


def test_without_quota_it_says_when_there_will_be(client: Client, account: Account) -> None:
    quota.reserve(account_id=account.pk, amount=10, reference="job")
    client.force_login(owner_of(account))
    answer = client.post(page_of(account), {"email": "jane@ok.test", "token": str(uuid4())})

    assert (answer.status_code, "No checks are left. The month" in unescape(answer.text)) == (400, True)


def test_an_account_that_is_switched_off_asks_nothing(client: Client, account: Account) -> None:
    Account.objects.filter(pk=account.pk).update(status=Account.Status.SUSPENDED)
    client.force_login(owner_of(account))
    answer = client.post(page_of(account), {"email": "jane@ok.test", "token": str(uuid4())})

    assert (answer.status_code, "This account is switched off" in answer.text) == (400, True)


def test_viewers_spend_nothing(client: Client, account: Account) -> None:
    check = make_list(account=account).checks.get()
    before = LedgerEntry.objects.count()
    give_verdict(check)
    client.force_login(make_member(account, Role.VIEWER))
    answers = [client.get(page_of(account)), client.post(page_of(account), {"email": "a@ok.test", "token": uuid4()})]

    assert [answer.status_code for answer in answers] == [403, 403]
    text = text_of(client, reverse("check", args=[account.slug, check.pk]))
    assert ("Good Mailbox exists" in text, "Verify another" in text) == (True, False)
    assert LedgerEntry.objects.count() == before


def test_strangers_find_neither_page_nor_check(client: Client, account: Account) -> None:
    check = make_list(account=account).checks.get()
    stranger = make_account()
    client.force_login(owner_of(stranger))

    assert client.get(page_of(account)).status_code == 404
    assert client.post(page_of(account), {"email": "a@ok.test", "token": uuid4()}).status_code == 404
    assert client.get(reverse("check", args=[stranger.slug, check.pk])).status_code == 404


def test_no_csrf_token_no_check(url: str, account: Account) -> None:
    cookies = signed_in(owner_of(account))
    asked = {"email": "user@ok-5.test", "token": str(uuid4())}

    assert httpx.post(f"{url}{page_of(account)}", data=asked, cookies=cookies).status_code == 403
    assert Check.objects.count() == 0
