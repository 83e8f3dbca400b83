from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.domain import impersonation
from accounts.domain.impersonation import SESSION_KEY, MayNotLook
from accounts.models import Account, AuditEntry, User
from tests.factories import make_account, make_member, make_staff, make_user, with_factor
from tests.portal.routes import address, make_world, routes
from tests.verification.factories import finish, make_list
from verification.models import Job, JobStatus

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def owner() -> User:
    return make_user("jane@example.com")


@pytest.fixture
def account(owner: User) -> Account:
    return make_account("Ada's", owner=owner)


@pytest.fixture
def support(client: Client) -> User:
    user = with_factor(make_user("support@example.com", is_staff=True))
    user.user_permissions.add(*Permission.objects.filter(codename__in=["view_account", "impersonate"]))
    client.force_login(user)
    return user


def url_of(account: Account) -> str:
    return reverse("admin:accounts_account_impersonate", args=[account.pk])


def look(client: Client, account: Account) -> None:
    person = account.memberships.get(role="owner").user
    answer = client.post(url_of(account), {"person": person.pk, "reason": "asked by mail"})
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/a/{account.slug}/")


def noted() -> list[tuple[str, str, str]]:
    entries = AuditEntry.objects.filter(action__startswith="impersonation.").order_by("pk")
    return [(entry.action, entry.actor_label, entry.reason) for entry in entries]


def test_look_and_end(client: Client, support: User, account: Account) -> None:
    assert client.get(f"/a/{account.slug}/").status_code == 404
    assert "jane@example.com" in client.get(url_of(account)).text
    look(client, account)
    page = client.get(f"/a/{account.slug}/")
    assert (page.status_code, page.context["user"].email) == (200, "jane@example.com")
    for path in (f"/a/{account.slug}/", "/admin/", "/accounts/password/change/", "/nowhere"):
        text = client.get(path).text
        bar = "<strong>support@example.com</strong> looks at the pages of <strong>jane@example.com</strong>"
        assert bar in text, path
    assert client.post(reverse("admin:end_impersonation")).headers["Location"] == reverse(
        "admin:accounts_account_change", args=[account.pk]
    )
    assert client.get(f"/a/{account.slug}/").status_code == 404
    assert "impersonation-bar" not in client.get("/admin/").text
    assert noted() == [
        ("impersonation.started", "support@example.com", "asked by mail"),
        ("impersonation.ended", "support@example.com", "Ended by hand."),
    ]


def test_elsewhere_staff_stay_themselves(client: Client, support: User, account: Account) -> None:
    """The person's own pages (second factor, password, other accounts) are not theirs to see."""
    other = make_account(owner=account.memberships.get().user)
    look(client, account)
    assert client.get("/accounts/2fa/").context["user"] == support
    assert client.get(f"/a/{other.slug}/lists").status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_can_be_changed(client: Client, support: User, account: Account, method: str) -> None:
    job = make_list(account=account)
    look(client, account)
    for path in (
        f"/a/{account.slug}/jobs/{job.pk}/cancel",
        f"/admin/accounts/account/{account.pk}/change/",
        "/accounts/password/change/",
        url_of(account),
    ):
        answer = getattr(client, method)(path)
        assert (answer.status_code, "You are here to see only" in answer.text) == (403, True), path
    assert Job.objects.get().status == JobStatus.RUNNING


def test_nothing_can_be_downloaded(client: Client, support: User, account: Account) -> None:
    job = finish(make_list(account=account))
    look(client, account)
    assert client.get(f"/a/{account.slug}/jobs/{job.pk}").status_code == 200
    answer = client.get(f"/a/{account.slug}/jobs/{job.pk}/export.csv")
    assert (answer.status_code, "You are here to see only" in answer.text) == (403, True)


EXPORTS = {
    *("export_suppressions", "checks_export", "job_export", "job_export_xlsx", "job_export_jsonl", "prepared_file"),
    "erasure_receipt",
}
DRAWN = {"job_chart"}  # data that a page draws, with no more in it than the page shows


def test_every_download_says_so_and_is_refused(client: Client) -> None:
    """What is no page carries Content-Disposition: attachment, which the guard goes by: on all routes of an account."""
    world = make_world("ada")
    client.force_login(world.owner)
    pages = [route for route in routes() if route.path.startswith("a/{account}/") and route.name not in DRAWN]
    seen = {route.name: client.get(address(route, world)) for route in pages}
    files = {name for name, answer in seen.items() if not answer.get("Content-Type", "").startswith("text/html")}
    attached = {name for name in seen if seen[name].get("Content-Disposition", "").startswith("attachment; filename")}
    assert files - {name for name in seen if seen[name].status_code in (302, 405)} == attached == EXPORTS

    client.force_login(make_staff())
    look(client, world.account)
    for route in pages:
        status = 403 if route.name in attached else seen[route.name].status_code
        assert client.get(address(route, world)).status_code == status, route


def test_it_ends_after_half_an_hour(client: Client, support: User, account: Account) -> None:
    look(client, account)
    session = client.session
    session[SESSION_KEY] |= {"until": session[SESSION_KEY]["until"] - 1_801}
    session.save()
    page = client.get(f"/a/{account.slug}/")
    assert page.headers["Location"] == reverse("admin:accounts_account_change", args=[account.pk])
    assert noted()[-1] == ("impersonation.ended", "support@example.com", "After 30 minutes.")
    assert client.get(f"/a/{account.slug}/").status_code == 404
    assert len(noted()) == 2


def test_it_ends_with_the_session(client: Client, support: User, account: Account) -> None:
    look(client, account)
    client.post(reverse("account_logout"))
    assert noted()[-1] == ("impersonation.ended", "support@example.com", "Signed out.")


@pytest.mark.parametrize("lost", ["permission", "staff", "place", "account"])
def test_it_ends_when_it_is_no_longer_allowed(client: Client, support: User, account: Account, lost: str) -> None:
    look(client, account)
    if lost == "permission":
        support.user_permissions.clear()
    elif lost == "staff":
        User.objects.filter(pk=support.pk).update(is_staff=False)
    elif lost == "place":
        account.memberships.update(user=make_user())  # an account keeps an owner
    else:
        Account.objects.update(status="closed")
    assert client.get(f"/a/{account.slug}/").status_code == 302
    assert client.get(f"/a/{account.slug}/").status_code == 404
    assert noted()[-1][0] == "impersonation.ended"


def test_it_is_for_staff_with_the_permission(client: Client, account: Account) -> None:
    person, reader = make_user(), with_factor(make_user(is_staff=True))
    reader.user_permissions.add(Permission.objects.get(codename="view_account"))
    for user, status in [(person, 302), (reader, 403), (make_staff(), 200)]:
        client.force_login(user)
        assert client.get(url_of(account)).status_code == status
    change = reverse("admin:accounts_account_change", args=[account.pk])
    assert url_of(account) in client.get(change).text
    client.force_login(reader)
    assert url_of(account) not in client.get(change).text


def test_staff_are_not_looked_at(account: Account, owner: User) -> None:
    boss = make_staff()

    def start(person: User, where: Account = account) -> None:
        impersonation.start(staff=boss, account=where, person=person, reason="x", now=NOW)

    for person in (make_user(), make_member(account, user=make_user(is_active=False))):
        with pytest.raises(MayNotLook):
            start(person)
    start(owner)
    with pytest.raises(MayNotLook):
        impersonation.start(staff=owner, account=account, person=owner, reason="x", now=NOW)
    make_member(account, user=with_factor(make_user(is_staff=True)))
    with pytest.raises(MayNotLook):
        start(owner)
    own = make_account(owner=boss)
    with pytest.raises(MayNotLook):
        start(make_member(own), own)
    assert [entry.action for entry in AuditEntry.objects.filter(action__startswith="imp")] == ["impersonation.started"]


def test_a_form_without_a_reason_starts_nothing(client: Client, support: User, account: Account, owner: User) -> None:
    answer = client.post(url_of(account), {"person": owner.pk})
    assert (answer.status_code, list(answer.context["form"].errors)) == (200, ["reason"])
    answer = client.post(url_of(account), {"person": make_user().pk, "reason": "x"})
    assert list(answer.context["form"].errors) == ["person"]
    assert noted() == []


def test_a_look_lasts_half_an_hour(account: Account, owner: User) -> None:
    staff = make_staff()
    begun = impersonation.start(staff=staff, account=account, person=owner, reason="x", now=NOW)
    late = NOW + impersonation.LASTS
    assert impersonation.find(noted=begun.noted(), staff=staff, now=late - timedelta(seconds=1)) == begun
    assert isinstance(impersonation.find(noted=begun.noted(), staff=staff, now=late), impersonation.Over)


def test_to_end_what_did_not_begin_is_harmless(client: Client, support: User) -> None:
    assert client.post(reverse("admin:end_impersonation")).headers["Location"] == reverse("home")
    assert client.get(reverse("admin:end_impersonation")).status_code == 405
