"""Who may open which page of the admin: tried on the whole URL map, and held against the table below.

A new page is tried by itself and turns the test red until it has its line in the table.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission
from django.db import transaction
from django.db.models import Model
from django.test import Client

from accounts.models import Account, User
from tests.factories import make_staff, make_user, with_factor
from tests.portal.admin_rows import make_rows
from tests.portal.routes import Route, everything_kept, routes

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]

PEOPLE = ("nobody", "customer", "staff", "viewer", "superuser")  # an owner; staff without and with permission to view
Codes = tuple[str, str]  # what each of them gets for GET, and for POST

# 302 of nobody and customer leads to where one signs in.
SEEN = ("302 302 403 200 200", "302 302 403 200 200")
READ = ("302 302 403 200 200", "302 302 403 403 403")
EDITED = ("302 302 403 200 200", "302 302 403 403 200")
POWER = ("302 302 403 403 200", "302 302 403 403 200")
NEVER = ("302 302 403 403 403", "302 302 403 403 403")
LEADS_ON = ("302 302 302 302 302", "302 302 302 302 302")
SHOWN = ("302 302 403 200 200", "302 302 405 405 405")
OPEN = ("302 302 200 200 200", "302 302 405 405 405")
OPEN_TO_BOTH = ("302 302 200 200 200", "302 302 200 200 200")
NOTHING = ("302 302 404 404 404", "302 302 404 404 404")

# What may be done with the rows of a model: list, history, one row, add, delete.
KINDS: dict[str, tuple[Codes, ...]] = {
    "read": (SEEN, SEEN, READ, NEVER, NEVER),
    "read, delete": (SEEN, SEEN, READ, NEVER, POWER),
    "add, delete": (SEEN, SEEN, READ, POWER, POWER),
    "edit, add": (SEEN, SEEN, EDITED, POWER, NEVER),
    "edit, add, delete": (SEEN, SEEN, EDITED, POWER, POWER),
}
MODELS = {
    "accounts_account": "edit, add",
    "accounts_accountconfig": "edit, add, delete",
    "accounts_auditentry": "read",
    "accounts_credit": "read",
    "accounts_featurerequest": "read",
    "accounts_invitation": "read",
    "accounts_ledgerentry": "read",
    "accounts_licensekey": "edit, add",
    "accounts_outgoingmail": "read",
    "accounts_publictext": "edit, add",
    "accounts_quotanotice": "read",
    "accounts_quotaperiod": "read",
    "accounts_reservation": "read",
    "accounts_user": "edit, add",
    "admin_logentry": "read",
    "auth_group": "edit, add, delete",
    "django_q_failure": "read, delete",
    "mfa_authenticator": "read, delete",
    "usersessions_usersession": "read",
    "verification_batch": "read",
    "verification_check": "read",
    "verification_checkresult": "read",
    "verification_dailytally": "read",
    "verification_domainfact": "read",
    "verification_donotprobe": "edit, add, delete",
    "verification_erasure": "read",
    "verification_preparedfile": "read",
    "verification_event": "read",
    "verification_finding": "read",
    "verification_job": "read",
    "verification_knownmailbox": "read",
    "verification_organisation": "read",
    "verification_sendingdomain": "read",
    "verification_suppression": "add, delete",
    "verification_upload": "read",
    "verification_webhookdelivery": "read",
    "verification_webhookendpoint": "read",
}
OTHERS = {
    "/admin/": OPEN_TO_BOTH,
    "/admin/queue/": SHOWN,
    "/admin/queue/release/": ("302 302 405 405 405", "302 302 403 403 404"),  # of no organisation
    "/admin/impersonation/end/": ("302 302 405 405 405", "302 302 302 302 302"),
    "/admin/accounts/account/{pk}/grant/": POWER,
    "/admin/accounts/account/{pk}/impersonate/": POWER,
    "/admin/accounts/user/{id}/password/": POWER,
    "/admin/verification/finding/examine/": ("302 302 405 405 405", "302 302 403 302 302"),
    "/admin/{app_label}/": ("302 302 404 200 200", "302 302 404 200 200"),
    "/admin/{url}": NOTHING,
    "/admin/login/": ("302 403 302 302 302", "302 403 302 302 302"),
    "/admin/logout/": ("302 302 405 405 405", "302 302 200 200 200"),
    "/admin/password_change/": LEADS_ON,
    "/admin/password_change/done/": OPEN,
    "/admin/autocomplete/": ("302 302 403 403 403", "302 302 405 405 405"),  # no field has it
    "/admin/jsi18n/": OPEN,
    "/admin/r/{content_type_id}/{object_id}/": NOTHING,
    "/admin/mail/": OPEN,  # development only
    "/admin/mail/{name}/html": ("302 302 404 404 404", "302 302 405 405 405"),
    "/admin/mail/{name}/": ("302 302 404 404 404", "302 302 405 405 405"),
}


def written() -> dict[str, Codes]:
    """Give the table, by the patterns of addresses."""
    table = dict(OTHERS)
    for name, kind in MODELS.items():
        app, _, model = name.rpartition("_")
        base = f"/admin/{app}/{model}/"
        pages = ("", "{object_id}/history/", "{object_id}/change/", "add/", "{object_id}/delete/")
        table |= {base + page: codes for page, codes in zip(pages, KINDS[kind], strict=True)}
        table[base + "{object_id}/"] = LEADS_ON
    return table


def first_row(model: type[Model]) -> Model:
    row = model._default_manager.order_by("pk").first()
    assert row is not None, f"{model} needs a row in admin_rows.make_rows"
    return row


def model_of(path: str) -> type[Model]:
    app, model = path.split("/")[1:3]
    return next(each for each in admin.site._registry if each._meta.label_lower == f"{app}.{model}")


def address(route: Route, account: Account) -> str:
    values: dict[str, Any] = {"app_label": "accounts", "url": "nowhere", "name": "none", "content_type_id": 1}
    values |= {"pk": account.pk, "id": account.memberships.get().user_id, "object_id": 1}
    if "object_id" in route.arguments and "content_type_id" not in route.arguments:
        values["object_id"] = quote(first_row(model_of(route.path)).pk)
    return "/" + route.path.format(**values)


@pytest.fixture
def account() -> Account:
    return make_rows(make_staff())


def person(kind: str, account: Account) -> User | None:
    if kind == "nobody":
        return None
    if kind == "customer":
        return account.memberships.get(role="owner").user
    if kind == "superuser":
        return make_staff()
    member = with_factor(make_user(is_staff=True))
    if kind == "viewer":
        member.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    return member


def ask(user: User | None, path: str, method: str) -> str:
    """Give the status of a request whose effects are taken back."""
    client = Client()
    with transaction.atomic():
        if user is not None:
            client.force_login(user)
        status = client.generic(method, path, content_type="application/x-www-form-urlencoded").status_code
        transaction.set_rollback(True)
    return str(status)


STAFF_ROUTES = [route for route in routes() if route.path.startswith("admin/")]


def test_every_page_has_its_line_in_the_table() -> None:
    assert sorted(written()) == sorted({str(route) for route in STAFF_ROUTES})


@pytest.mark.parametrize("kind", PEOPLE)
def test_everybody_gets_what_the_table_says(account: Account, kind: str) -> None:
    column = PEOPLE.index(kind)
    user = person(kind, account)
    table = {pattern: (get.split()[column], post.split()[column]) for pattern, (get, post) in written().items()}
    got = {
        str(route): (ask(user, address(route, account), "GET"), ask(user, address(route, account), "POST"))
        for route in STAFF_ROUTES
    }
    assert got == table


@pytest.mark.parametrize("kind", ["staff", "viewer"])
def test_no_action_is_done_by_those_who_may_only_look(account: Account, client: Client, kind: str) -> None:
    user = person(kind, account)
    assert user is not None
    client.force_login(user)
    before = everything_kept()
    done = 0
    for model, page in admin.site._registry.items():
        actions = [getattr(action, "__name__", action) for action in page.actions or ()] + ["delete_selected"]
        for action in actions:
            form = {"action": action, "_selected_action": first_row(model).pk, "post": "yes"}
            url = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
            assert client.post(url, form).status_code in (302, 403, 200), (url, action)
            done += 1
    assert everything_kept() == before
    assert done > len(admin.site._registry) + 8


def test_staff_without_a_second_factor_see_nothing(account: Account) -> None:
    bare = make_user(is_staff=True, is_superuser=True)
    outside = {"/admin/login/", "/admin/logout/"}
    got = {str(route): ask(bare, address(route, account), "GET") for route in STAFF_ROUTES if str(route) not in outside}
    assert set(got.values()) == {"302"}
