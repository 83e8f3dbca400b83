from __future__ import annotations

from dataclasses import replace

import pytest
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from accounts.admin.base import BoundedPaginator
from accounts.domain import access, keys, quota
from accounts.models import Account, AccountConfig, Credit, LedgerEntry, LicenseKey, Membership, User
from tests.factories import make_account, make_key, make_member, make_user, with_factor
from tests.portal.admin_rows import change_url, make_rows
from tests.verification.factories import give_verdict, make_job
from verification.engine.types import Attempt, Blame, Evidence, Meaning, Reason, Result, Stage
from verification.models import Job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]
OURS = ["accounts", "verification"]


def list_names() -> list[str]:
    return sorted(f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry)


def test_every_model_of_ours_is_shown() -> None:
    inline = {
        *("accounts.Guess", "accounts.Membership"),
        *("verification.DomainCheck", "verification.PacingGrant", "verification.Tally"),
    }
    unseen = {  # answers of the last day, for programs only; what is there for a second or a minute; secrets
        "accounts.AccountUsage",
        "accounts.KeyUsage",
        "verification.Bounce",  # facts, shown as sums
        "verification.IdempotencyRecord",
        "verification.KnownRows",  # counts for a quote
        "verification.NotificationSecrets",
        "verification.PendingTally",
        "verification.Sample",
        "verification.SavedFilter",  # the account's own bookmarks; the audit log has them
    }
    shown = {model._meta.label for model in admin.site._registry}
    ours = {model._meta.label for label in OURS for model in apps.get_app_config(label).get_models()}
    assert ours - inline - unseen == {label for label in shown if label.split(".")[0] in OURS}


def test_lists_ask_the_same_of_few_rows_and_of_many(page: Client, staff: User) -> None:
    def count() -> dict[str, int]:
        counted = {}
        for name in list_names():
            with CaptureQueriesContext(connection) as queries:
                assert page.get(reverse(f"admin:{name}_changelist")).status_code == 200
            counted[name] = len(queries)
        return counted

    def fill(number: int) -> None:
        for _ in range(number):
            make_rows(staff)

    fill(3)
    few = count()
    fill(27)
    assert count() == few


def test_every_change_page_opens(page: Client, staff: User) -> None:
    make_rows(staff)
    for model in admin.site._registry:
        if model._meta.app_label in OURS:
            row = model._default_manager.first()
            assert row is not None, model
            assert page.get(change_url(row)).status_code == 200, model


def test_read_only_rows_cannot_be_changed_or_deleted(page: Client, staff: User) -> None:
    make_rows(staff)
    editable = {"User", "Account", "AccountConfig", "LicenseKey", "DoNotProbe", "Suppression", "PublicText"}
    for model in admin.site._registry:
        if model._meta.app_label not in OURS or model.__name__ in editable:
            continue
        url = change_url(model._default_manager.first())
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        assert page.post(url, {}).status_code == 403, model
        assert page.post(url.replace("/change/", "/delete/"), {"post": "yes"}).status_code == 403, model
        assert page.get(reverse(f"admin:{name}_add")).status_code == 403, model


def test_account_list_shows_usage(page: Client) -> None:
    account = make_account("Ada's", monthly_quota=1_000)
    quota.grant(account=account, amount=50, actor=None, reason="a gift")
    quota.reserve(account_id=account.pk, amount=30, reference="job:1")
    quota.settle(reference="job:1", used=10, released=0, entry="batch:1:1")
    (row,) = page.get(reverse("admin:accounts_account_changelist")).context["cl"].result_list
    shown = admin.site._registry[Account]
    cells = [getattr(shown, name)(row) for name in ("used", "set_aside", "left", "prepaid")]
    assert cells == ["10 of 1,000", "20", "1,020", "50"]


def test_account_list_before_the_first_use(page: Client) -> None:
    make_account(monthly_quota=1_000)
    text = page.get(reverse("admin:accounts_account_changelist")).text
    assert "0 of 1,000" in text


def test_open_an_account(page: Client) -> None:
    owner = make_user("owner@example.com")
    page.post(
        reverse("admin:accounts_account_add"),
        {"name": "New", "slug": "new", "owner": "Owner@Example.com", "monthly_quota": "7"},
    )
    account = Account.objects.get(slug="new")
    assert (account.name, account.monthly_quota) == ("New", 7)
    assert [(m.user, m.role) for m in account.memberships.all()] == [(owner, "owner")]
    assert AccountConfig.objects.filter(account=account).count() == Credit.objects.filter(account=account).count() == 1


def test_open_an_account_refuses_an_unknown_owner(page: Client) -> None:
    answer = page.post(
        reverse("admin:accounts_account_add"),
        {"name": "New", "slug": "new", "owner": "nobody@example.com", "monthly_quota": "7"},
    )
    assert answer.context["adminform"].form.errors == {"owner": ["There is no such user yet. Add the user first."]}
    assert not Account.objects.exists()


def account_form(account: Account, **changes: object) -> dict[str, object]:
    place = account.memberships.get(role="owner")
    return {
        "name": account.name,
        "slug": account.slug,
        "status": account.status,
        "monthly_quota": account.monthly_quota,
        "reset_day": account.reset_day,
        "reason": "",
        "memberships-TOTAL_FORMS": 1,
        "memberships-INITIAL_FORMS": 1,
        "memberships-0-id": place.pk,
        "memberships-0-account": account.pk,
        "memberships-0-user": place.user_id,
        "memberships-0-role": place.role,
        "configs-TOTAL_FORMS": 0,
        "configs-INITIAL_FORMS": 0,
    } | changes


def test_change_the_monthly_quota(page: Client, staff: User) -> None:
    account = make_account(monthly_quota=10)
    quota.reserve(account_id=account.pk, amount=4, reference="job:1")
    form = account_form(account, monthly_quota=20, reason="grew", name="Other")
    assert page.post(change_url(account), form).status_code == 302
    account.refresh_from_db()
    assert (account.name, account.monthly_quota, quota.left(account_id=account.pk)) == ("Other", 20, 16)
    entry = LedgerEntry.objects.get(kind="adjust")
    assert (entry.amount, entry.actor, entry.note) == (10, staff, "grew")


def test_change_a_member_s_role(page: Client) -> None:
    account = make_account()
    joe = make_member(account)
    two = {"memberships-TOTAL_FORMS": 2, "memberships-INITIAL_FORMS": 2}
    one = Membership.objects.get(user=joe)
    row = {"memberships-1-id": one.pk, "memberships-1-user": joe.pk, "memberships-1-account": account.pk}
    page.post(change_url(account), account_form(account, **two, **row, **{"memberships-1-role": "viewer"}))
    assert sorted(account.memberships.values_list("role", flat=True)) == ["owner", "viewer"]
    assert not LedgerEntry.objects.exists()


def test_the_last_owner_keeps_their_role(page: Client) -> None:
    account = make_account()
    answer = page.post(change_url(account), account_form(account, **{"memberships-0-role": "viewer"}))
    assert "An account needs an owner." in answer.text
    assert account.memberships.get().role == "owner"


def test_suspend_and_resume(page: Client) -> None:
    account = make_account()
    url = reverse("admin:accounts_account_changelist")
    for action, status in [("suspend", "suspended"), ("resume", "active")]:
        page.post(url, {"action": action, "_selected_action": account.pk})
        account.refresh_from_db()
        assert account.status == status


def test_grant_checks(page: Client, staff: User) -> None:
    account = make_account(monthly_quota=0)
    url = reverse("admin:accounts_account_grant", args=[account.pk])
    assert page.get(url).status_code == 200
    assert page.post(url, {"amount": "12", "reason": "a gift"}).headers["Location"] == change_url(account)
    entry = LedgerEntry.objects.get()
    assert (entry.amount, entry.actor, entry.note) == (12, staff, "a gift")
    assert quota.left(account_id=account.pk) == 12


@pytest.mark.parametrize(("form", "wrong"), [({"amount": "0", "reason": "x"}, "amount"), ({"amount": "1"}, "reason")])
def test_grant_refuses(page: Client, form: dict[str, str], wrong: str) -> None:
    account = make_account()
    answer = page.post(reverse("admin:accounts_account_grant", args=[account.pk]), form)
    assert (answer.status_code, list(answer.context["form"].errors)) == (200, [wrong])
    assert not LedgerEntry.objects.exists()


def test_grant_is_for_those_who_may_change_accounts(client: Client) -> None:
    reader = with_factor(make_user(is_staff=True))
    reader.user_permissions.add(Permission.objects.get(codename="view_account"))
    client.force_login(reader)
    account = make_account()
    url = reverse("admin:accounts_account_grant", args=[account.pk])
    assert client.post(url, {"amount": "12", "reason": "x"}).status_code == 403
    assert client.get(reverse("admin:accounts_account_grant", args=[0])).status_code == 404


def test_make_a_key_and_show_it_once(page: Client, staff: User) -> None:
    account = make_account()
    form = {"account": account.pk, "name": "CRM", "kind": "live", "scopes": ["jobs", "verify"]}
    form |= {"allowed_networks": "192.0.2.9/24, 2001:db8::1", "expires_at_0": "", "expires_at_1": ""}
    answer = page.post(reverse("admin:accounts_licensekey_add"), form)
    secret = answer.context["secret"]
    key = access.authenticate(secret=secret, client="192.0.2.7")
    assert (key.account, key.name, key.created_by) == (account, "CRM", staff)
    assert key.scopes == ["verify", "jobs"]
    assert key.allowed_networks == ["192.0.2.0/24", "2001:db8::1/128"]
    assert secret in answer.text
    assert answer.headers["Cache-Control"] == "max-age=0, no-cache, no-store, must-revalidate, private"
    assert secret not in page.get(change_url(key)).text
    assert secret not in page.get(reverse("admin:accounts_licensekey_changelist")).text
    assert secret not in page.get(reverse("admin:admin_logentry_changelist")).text


def test_a_refused_key_form_makes_no_key(page: Client) -> None:
    answer = page.post(reverse("admin:accounts_licensekey_add"), {"name": "CRM", "kind": "live"})
    assert (answer.status_code, list(answer.context["adminform"].form.errors)) == (200, ["account", "scopes"])
    assert not LicenseKey.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scopes", "cooking"),
        ("allowed_networks", "here"),
        ("expires_at_0", "2020-01-01"),
    ],
)
def test_rules_that_cannot_be(page: Client, field: str, value: str) -> None:
    form = {"account": make_account().pk, "name": "CRM", "kind": "live", "scopes": "verify"}
    form |= {"expires_at_0": "", "expires_at_1": "00:00"} if field == "expires_at_0" else {}
    answer = page.post(reverse("admin:accounts_licensekey_add"), form | {field: value})
    assert list(answer.context["adminform"].form.errors) == [field.removesuffix("_0")]
    assert not LicenseKey.objects.exists()


def test_keys_are_found_by_their_beginning_name_and_account(page: Client) -> None:
    account = make_account("Ada & Co")
    key, _ = make_key(account)
    make_key()
    url = reverse("admin:accounts_licensekey_changelist")

    def found(term: str) -> list[LicenseKey]:
        return list(page.get(url, {"q": term}).context["cl"].result_list)

    for term in (key.prefix, account.slug, account.slug.upper(), " Ada & Co "):
        assert found(term) == [key], term
    assert len(found("A KEY")) == 2
    assert found("Ada") == []


def test_tallies_are_found_by_account(page: Client) -> None:
    account = make_rows()
    make_rows()
    url = reverse("admin:verification_dailytally_changelist")

    def found(term: str) -> list[Account | None]:
        return [row.account for row in page.get(url, {"q": term}).context["cl"].result_list]

    assert found(f" {account.slug} ") == [account]
    assert found("nobody") == []
    with CaptureQueriesContext(connection) as queries:
        found(account.slug)
    assert any('COALESCE("verification_dailytally"."account_id", 0) = ' in query["sql"] for query in queries)


def test_sessions_are_found_without_their_keys(page: Client, staff: User) -> None:
    session = UserSession.objects.create(user=staff, ip="192.0.2.7", user_agent="Firefox", session_key="secret-of-one")
    url = reverse("admin:usersessions_usersession_changelist")
    assert len(page.get(url, {"q": staff.email}).context["cl"].result_list) == 1
    assert len(page.get(url, {"q": "somebody"}).context["cl"].result_list) == 0
    for text in (page.get(url).text, page.get(change_url(session)).text):
        assert "secret-of-one" not in text
        assert "Firefox" in text


def test_rename_a_key_keeps_it_valid(page: Client) -> None:
    key, secret = make_key()
    form = {"name": "Renamed", "scopes": ["verify"], "kind": "sandbox"}
    page.post(change_url(key), form | {"expires_at_0": "", "expires_at_1": ""})
    found = access.authenticate(secret=secret)
    assert (found.name, found.kind) == ("Renamed", "live")


def test_revoke_keys(page: Client, staff: User) -> None:
    key, secret = make_key()
    page.post(reverse("admin:accounts_licensekey_changelist"), {"action": "revoke", "_selected_action": key.pk})
    key.refresh_from_db()
    assert key.revoked_by == staff
    with pytest.raises(access.KeyRevoked):
        access.authenticate(secret=secret)
    keys.check_format(secret)


def test_evidence_is_a_dialogue_and_harmless(page: Client) -> None:
    check = make_job(["jim@ok.test"]).checks.get()
    attempt = Attempt(Stage.RCPT, "mx.ok.test", "192.0.2.25", "", 550, "5.1.1", "<script>alert(1)</script>")
    evidence = Evidence(attempts=(replace(attempt, meaning=Meaning.NO_MAILBOX, milliseconds=31),)).as_dict()
    verdict = give_verdict(check, Result.BAD, Reason.MAILBOX_DOES_NOT_EXIST, Blame.ADDRESS, evidence=evidence)
    line = (
        "<tr><td>31 ms</td><td>mx.ok.test [192.0.2.25]</td><td>to RCPT TO: &lt;script&gt;alert(1)&lt;/script&gt;</td>"
        "<td>550 5.1.1</td><td>no_mailbox</td><td>address</td></tr>"
    )
    for row in (check, verdict):
        text = page.get(change_url(row)).text
        assert line in text
        assert "&quot;text&quot;: &quot;&lt;script&gt;alert(1)&lt;/script&gt;&quot;" in text
        assert "<script>alert" not in text


def test_a_check_without_a_verdict_has_no_evidence_yet(page: Client) -> None:
    check = make_job(["jim@ok.test"]).checks.get()
    assert '<div class="readonly">none yet</div>' in page.get(change_url(check)).text


def test_evidence_of_an_older_form_is_shown_as_it_is_kept_and_bounded(page: Client) -> None:
    check = make_job(["jim@ok.test"]).checks.get()
    give_verdict(check, evidence={"says": "x" * 50_000})
    text = page.get(change_url(check)).text
    assert "It is of a form that cannot be told as a dialogue." in text
    assert "… and 30,016 characters more" in text
    assert len(text) < 60_000


@pytest.mark.parametrize("model", ["check", "checkresult", "batch", "event"])
def test_rows_are_found_by_job_and_by_number(page: Client, staff: User, model: str) -> None:
    make_rows(staff)
    job = Job.objects.get(source="api")
    url = reverse(f"admin:verification_{model}_changelist")

    def found(term: str) -> int:
        return len(page.get(url, {"q": term}).context["cl"].result_list)

    assert found(str(job.pk)) == found(f" {job.pk}".upper()) > 0
    assert [found(term) for term in ("jane", "9" * 30, "0", "٣")] == [0, 0, 0, 0]


def test_jobs_are_found_by_id_and_by_account(page: Client, staff: User) -> None:
    account = make_rows(staff)
    job = Job.objects.get(source="api")
    url = reverse("admin:verification_job_changelist")
    assert [row.pk for row in page.get(url, {"q": str(job.pk)}).context["cl"].result_list] == [job.pk]
    assert len(page.get(url, {"q": account.slug}).context["cl"].result_list) == 2


def test_big_tables_are_not_counted_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        make_user()
    monkeypatch.setattr(BoundedPaginator, "FURTHEST", 2)
    with CaptureQueriesContext(connection) as queries:
        assert BoundedPaginator(User.objects.order_by("pk"), 50).count == 2
    assert "LIMIT 2" in queries[0]["sql"]


def test_no_list_counts_whole_tables_for_its_filters() -> None:
    pages = {model: page for model, page in admin.site._registry.items() if page.list_filter}
    assert {model for model, page in pages.items() if page.show_facets != admin.ShowFacets.NEVER} == set()
    assert len(pages) > 5


def test_an_account_s_page_tells_times_as_its_list_does(page: Client, staff: User) -> None:
    account = make_rows(staff)
    told = "Nov. 22, 2026"  # when its lists came
    Job.objects.update(created_at="2026-11-22T12:00Z")
    assert told in page.get(reverse("admin:accounts_account_changelist")).text
    assert f'<div class="readonly">{told}, noon</div>' in page.get(change_url(account)).text


def test_the_product_s_name_is_on_every_page(page: Client, settings: Settings) -> None:
    assert f"{settings.PRODUCT_NAME} staff" in page.get(reverse("admin:index")).text
