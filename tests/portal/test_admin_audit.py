from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.domain import audit, keys
from accounts.domain.audit import Action
from accounts.models import AccountConfig, AuditEntry, KeyKind, User
from tests.factories import make_account, make_member, make_user
from tests.portal.admin_rows import change_url
from verification.models import Organisation

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]
LIST = "/admin/accounts/auditentry/"


def newest() -> AuditEntry:
    return AuditEntry.objects.order_by("-pk")[0]


def found(page: Client, **query: str) -> list[str]:
    answer = page.get(LIST, query)
    assert answer.status_code == 200, query
    return [entry.action for entry in answer.context["cl"].result_list]


def test_find_entries_by_person_account_action_and_object(page: Client, staff: User) -> None:
    account = make_account("Ada's")
    key, _ = keys.create_key(account=account, name="CRM", kind=KeyKind.LIVE, actor=staff, now=timezone.now())
    audit.record(action=Action.USER_CHANGED, actor=None, target=make_user())
    assert found(page, q=staff.email) == ["key.made", "staff.signed_in"]
    assert found(page, q=account.slug) == ["key.made", "account.opened"]
    assert found(page, q="key.made") == ["key.made"]
    assert "key.made" in found(page, q=str(key.pk))
    assert found(page, q="nobody@example.com") == found(page, q="Ada") == []
    assert found(page, action="account.opened") == ["account.opened"]


@pytest.mark.parametrize(
    ("first", "last", "count"),
    [
        ("2000-01-01", "", 1),
        ("", "2000-01-01", 0),
        ("2999-01-01", "", 0),
        ("2000-01-01", "2999-01-01", 1),
        ("nonsense", "9999-12-31", 1),
    ],
)
def test_find_entries_by_date(page: Client, first: str, last: str, count: int) -> None:
    assert len(found(page, at__from=first, at__to=last)) == count


def test_an_entry_shows_what_changed_and_escapes_it(page: Client) -> None:
    audit.record(action=Action.ACCOUNT_CHANGED, actor=None, before={"name": "<b>A"}, after={"name": None, "on": True})
    text = page.get(change_url(newest())).text
    assert "<tr><th>name</th><td>&lt;b&gt;A</td><td>none</td></tr><tr><th>on</th><td>–</td><td>yes</td></tr>" in text


def test_lists_stay_bounded(page: Client) -> None:
    answer = page.get(LIST)
    assert answer.context["cl"].show_full_result_count is False


def test_config_changes_are_noted(page: Client, staff: User) -> None:
    row = AccountConfig.objects.get(account=make_account())
    form = {
        field.name: getattr(row, field.attname)
        for field in row._meta.fields
        if field.editable and getattr(row, field.attname) is not False
    }
    form = {name: value for name, value in form.items() if value is not None} | {"rows_per_upload": 5}
    assert page.post(change_url(row), form).status_code == 302
    entry = newest()
    assert (entry.action, entry.actor, entry.account) == ("config.changed", staff, row.account)
    assert (entry.before, entry.after) == ({"rows_per_upload": 1_000_000}, {"rows_per_upload": 5})
    page.post(reverse("admin:accounts_accountconfig_delete", args=[row.pk]), {"post": "yes"})
    assert newest().action == "config.deleted"
    page.post(
        reverse("admin:accounts_accountconfig_changelist"),
        {
            "action": "delete_selected",
            "_selected_action": AccountConfig.objects.create(account=row.account).pk,
            "post": "yes",
        },
    )
    assert AuditEntry.objects.filter(action="config.deleted").count() == 2


def test_roles_are_noted(page: Client) -> None:
    account = make_account()
    member, (place, other) = make_member(account), account.memberships.order_by("pk")
    form = {
        "name": account.name,
        "slug": account.slug,
        "status": account.status,
        "monthly_quota": account.monthly_quota,
        "reset_day": account.reset_day,
        "memberships-TOTAL_FORMS": 3,
        "memberships-INITIAL_FORMS": 2,
        "memberships-0-id": place.pk,
        "memberships-0-account": account.pk,
        "memberships-0-user": place.user_id,
        "memberships-0-role": "admin",
        "memberships-1-id": other.pk,
        "memberships-1-account": account.pk,
        "memberships-1-user": member.pk,
        "memberships-1-role": "member",
        "memberships-1-DELETE": "on",
        "memberships-2-account": account.pk,
        "memberships-2-user": make_user().pk,
        "memberships-2-role": "owner",
        "configs-TOTAL_FORMS": 0,
        "configs-INITIAL_FORMS": 0,
    }
    assert page.post(change_url(account), form).status_code == 302
    noted = AuditEntry.objects.filter(action__startswith="member.").order_by("pk")
    assert [(entry.action, entry.before, entry.after, entry.account) for entry in noted] == [
        ("member.added", None, {"role": "owner"}, account),
        ("member.role_changed", {"role": "owner"}, {"role": "admin"}, account),
        ("member.removed", {"role": "member"}, None, account),
    ]


def test_powers_are_noted(page: Client) -> None:
    user, group = make_user(), Group.objects.create(name="Support")
    form = {
        "email": user.email,
        "is_active": "on",
        "is_staff": "on",
        "groups": group.pk,
        "memberships-TOTAL_FORMS": 0,
        "memberships-INITIAL_FORMS": 0,
    }
    assert page.post(change_url(user), form).status_code == 302
    entry = newest()
    assert (entry.action, entry.object_id) == ("user.changed", str(user.pk))
    assert (entry.before, entry.after) == (
        {"groups": [], "is_staff": False},
        {"groups": ["Support"], "is_staff": True},
    )
    permission = Permission.objects.get(codename="view_job")
    page.post(change_url(group), {"name": "Support", "permissions": permission.pk})
    assert (newest().action, newest().after) == ("group.changed", {"permissions": ["view_job"]})
    url = reverse("admin:auth_user_password_change", args=[user.pk])
    page.post(url, {"password1": "a new passphrase", "password2": "a new passphrase", "usable_password": "true"})
    assert (newest().action, newest().object_id) == ("password.changed", str(user.pk))


def test_organisations_are_noted(page: Client, staff: User) -> None:
    organisation = Organisation.objects.create(name="mx.test", refusals=3)
    url = reverse("admin:verification_organisation_changelist")
    for act in ("pause", "resume", "release"):
        page.post(url, {"action": act, "_selected_action": organisation.pk})
        assert (newest().action, newest().actor) == (f"organisation.{act}d", staff)
    assert newest().before == {"backoff_until": None, "backoffs": 0, "refusals": 3, "slots": 2}
