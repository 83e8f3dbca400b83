from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account, Role
from tests.factories import make_account, make_key, make_member, make_user
from tests.verification.factories import make_domain, owner_of
from verification.models import SendingDomain

pytestmark = pytest.mark.django_db

ACTS = ("check_domain", "domain_key", "remove_domain")
OF_A_DOMAIN = ("domain", *ACTS)


@pytest.fixture
def account(client: Client) -> Account:
    account = make_account()
    client.force_login(owner_of(account))
    return account


def url(name: str, domain: SendingDomain) -> str:
    return reverse(name, args=[domain.account.slug, domain.pk])


def test_a_domain_is_added_and_shows_what_to_set(client: Client, account: Account) -> None:
    added = client.post(reverse("domains", args=[account.slug]), {"domain": "Customer.Example"})
    domain = SendingDomain.objects.get()
    assert (added.status_code, added["Location"]) == (302, url("domain", domain))
    page = client.get(added["Location"]).text
    for text in (
        "_candour.customer.example",
        f"candour-proof={domain.token}",
        "candour._domainkey.customer.example",
        f"v=DKIM1; k=ed25519; p={domain.public_key}",
        "_dmarc.customer.example",
        "v=spf1 ",
        "Being checked…",
        "Check now",
    ):
        assert text in page


@pytest.mark.parametrize(
    ("domain", "refusal"),
    [
        ("no domain", "This is no domain name."),
        ("co.uk", "nobody sends by it"),
        ("known.example", "This domain is on your list already."),
        ("", "This field is required."),
        ("<script>", "This is no domain name."),
    ],
)
def test_a_domain_that_is_refused(client: Client, account: Account, domain: str, refusal: str) -> None:
    make_domain("known.example", account=account)
    answer = client.post(reverse("domains", args=[account.slug]), {"domain": domain})
    assert (answer.status_code, refusal in answer.text, '<script>"' in answer.text) == (422, True, False)


def test_last_checks_are_shown_with_date_and_cause(client: Client, account: Account) -> None:
    domain = make_domain(account=account, proof="passed", dkim="failed")
    domain.checks.filter(kind="dkim").update(trouble="SERVFAIL from 192.0.2.53", tried_at=timezone.now())
    page = client.get(url("domain", domain)).text
    assert "by hand" in page
    assert "22 Nov 2026, 12:00 UTC" in page
    assert "SERVFAIL from 192.0.2.53" in page
    assert "may be a sender" in client.get(reverse("domains", args=[account.slug])).text


def test_the_page_looks_for_the_outcome_until_it_is_there(client: Client, account: Account) -> None:
    domain = make_domain(account=account)
    part = client.get(url("domain", domain), headers={"HX-Request": "true"}).text
    assert part.startswith("<section")
    assert "every 1500ms" in part
    SendingDomain.objects.update(asked_at=None)
    assert "every 1500ms" not in client.get(url("domain", domain), headers={"HX-Request": "true"}).text


def test_check_now(client: Client, account: Account) -> None:
    domain = make_domain(account=account)
    SendingDomain.objects.update(next_check_at=timezone.now() + timedelta(hours=1), asked_at=None)
    client.post(url("check_domain", domain))
    domain.refresh_from_db()
    assert domain.next_check_at <= timezone.now() + timedelta(seconds=1)
    domain.checks.update(tried_at=timezone.now())
    assert "This was checked a moment ago." in client.post(url("check_domain", domain), follow=True).text


def test_another_selector(client: Client, account: Account) -> None:
    domain = make_domain(account=account)
    client.post(url("domain_key", domain), {"selector": "google"})
    domain.refresh_from_db()
    assert (domain.selector, domain.public_key) == ("google", "")
    assert "google._domainkey.good-sender.test" in client.get(url("domain", domain)).text
    assert "A selector has letters" in client.post(url("domain_key", domain), {"selector": "a b"}, follow=True).text
    assert "at most 63" in client.post(url("domain_key", domain), {"selector": "a" * 64}, follow=True).text
    client.post(url("domain_key", domain), {"selector": ""})
    domain.refresh_from_db()
    assert domain.selector == "candour"


def test_a_domain_is_removed(client: Client, account: Account) -> None:
    domain = make_domain(account=account)
    client.post(url("remove_domain", domain))
    assert not SendingDomain.objects.exists()


@pytest.mark.parametrize(
    ("role", "looks", "acts"),
    [
        (Role.OWNER, 200, 302),
        (Role.ADMIN, 200, 302),
        (Role.MEMBER, 200, 403),
        (Role.VIEWER, 200, 403),
        (None, 404, 404),
    ],
)
def test_who_may_do_what(client: Client, role: Role | None, looks: int, acts: int) -> None:
    account = make_account()
    domain = make_domain(account=account)
    client.force_login(make_member(account, role) if role else make_user())
    pages = (reverse("domains", args=[account.slug]), url("domain", domain))
    assert [client.get(page).status_code for page in pages] == [looks, looks]
    posts = [(pages[0], {"domain": "second.example"}), (url("check_domain", domain), {})]
    posts += [(url("domain_key", domain), {"selector": "s1"}), (url("remove_domain", domain), {})]
    assert [client.post(page, data).status_code for page, data in posts] == [acts] * 4
    assert SendingDomain.objects.filter(domain="good-sender.test").exists() is (acts != 302)


def test_a_domain_of_another_account_is_not_there(client: Client, account: Account) -> None:
    domain = make_domain()
    assert client.get(reverse("domain", args=[account.slug, domain.pk])).status_code == 404
    for name in ACTS:
        page = reverse(name, args=[account.slug, domain.pk])
        assert (client.get(page).status_code, client.post(page).status_code) == (405, 404)
    assert SendingDomain.objects.filter(pk=domain.pk).exists()


def test_one_domain_and_three_take_the_same_queries(client: Client, account: Account) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("domains", args=[account.slug]))
        return len(queries)

    make_domain("one.example", account=account)
    one = count()
    make_domain("two.example", account=account)
    make_domain("three.example", account=account)
    assert count() == one


def test_programs_read_them(client: Client) -> None:
    account = make_account()
    make_domain(account=account, proof="passed", dkim="failed")
    make_domain("stranger.example")
    answer = client.get("/api/v1/domains", headers={"Authorization": f"Bearer {make_key(account)[1]}"})
    (domain,) = answer.json()["domains"]
    never = {"lastCheck": "never", "checkedTs": None, "cause": None, "trouble": None}
    certain = {"checkedTs": "2026-11-22T12:00:00.000Z", "cause": "by hand", "trouble": None}
    assert domain == {
        "domain": "good-sender.test",
        "createdTs": domain["createdTs"],
        "proved": True,
        "proof": {"lastCheck": "passed"} | certain,
        "spf": never,
        "dkim": {"lastCheck": "failed"} | certain,
        "dmarc": never,
    }


def test_nobody_is_sent_to_sign_in(client: Client) -> None:
    domain = make_domain()
    for page in (reverse("domains", args=[domain.account.slug]), url("domain", domain)):
        assert client.get(page)["Location"] == f"/accounts/login/?next={page}"
