"""The URL map as a list of routes, and a world to fill their arguments from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import uuid4

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db.models import Model
from django.http import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import Account, AccountUsage, Invitation, KeyUsage, LicenseKey, User
from tests.factories import make_account, make_invitation, make_key, make_member
from tests.verification.factories import give_verdict, make_domain, make_file, make_list, make_upload, owner_of
from verification.domain import erasures
from verification.domain.webhooks import endpoints
from verification.models import (
    Erasure,
    Job,
    PreparedFile,
    SavedFilter,
    SendingDomain,
    Suppression,
    Upload,
    WebhookDelivery,
    WebhookEndpoint,
)

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
ARGUMENT = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>[^)]*\)")
MARK = "victim"  # in every name and address that is the victim's


@dataclass(frozen=True)
class Route:
    """A leaf of the URL map; `path` has {name} where an argument goes."""

    path: str
    name: str

    @property
    def arguments(self) -> tuple[str, ...]:
        return tuple(re.findall(r"{(\w+)}", self.path))

    @property
    def has_row(self) -> bool:
        """Whether it names a row besides the account."""
        return bool(set(self.arguments) - {"account"})

    def __str__(self) -> str:
        return f"/{self.path}"


def routes() -> list[Route]:
    """Give every route of the URL map."""
    return list(_leaves(get_resolver().url_patterns, "", ""))


def _leaves(patterns: list[URLPattern | URLResolver], before: str, space: str) -> Iterator[Route]:
    for pattern in patterns:
        path = before + _with_names(str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from _leaves(pattern.url_patterns, path, inner)
        else:
            yield Route(path, f"{space}{pattern.name}")


def _with_names(pattern: str) -> str:
    named = ARGUMENT.sub(lambda found: f"{{{found[1] or found[2]}}}", pattern)
    return re.sub(r"[\^$\\]", "", named)


@dataclass(frozen=True)
class World:
    """Two accounts that have nothing to do with each other, each with a list, an upload and a key."""

    account: Account
    owner: User
    upload: Upload
    job: Job
    key: LicenseKey
    secret: str
    revoked_secret: str
    invitation: Invitation
    passkey: Authenticator
    erasure: Erasure
    domain: SendingDomain
    suppression: Suppression
    webhook: WebhookEndpoint
    delivery: WebhookDelivery
    saved_filter: SavedFilter
    file: PreparedFile


def make_world(name: str) -> World:
    account = make_account(name=f"{name} account")
    owner = owner_of(account)
    User.objects.filter(pk=owner.pk).update(email=f"{name}@{name}.example", name=name)
    owner.refresh_from_db()
    job = make_list(f"email\n{name}@ok.test\n", account=account)
    give_verdict(job.checks.get())
    Job.objects.filter(pk=job.pk).update(name=f"{name} list")
    key, secret = make_key(account)
    webhook = endpoints.create(account=account, url=f"https://hooks.{name}.example/", actor=owner)[0]
    return World(
        account=account,
        owner=owner,
        upload=make_upload(account=account, filename=f"{name}.csv"),
        job=job,
        key=key,
        secret=secret,
        revoked_secret=make_key(account, revoked_at=job.created_at)[1],
        domain=make_domain(f"{name}.example", account=account),
        suppression=Suppression.objects.create(
            account=account, mailbox=f"no@{name}.example", kind="hand", source="api"
        ),
        webhook=webhook,
        delivery=endpoints.send_test(endpoint=webhook),
        saved_filter=SavedFilter.objects.create(account=account, name=name, choice={"kind": "Bad"}),
        file=make_file(job),
        passkey=Authenticator.objects.create(user=make_member(account), type="webauthn", data={"name": name}),
        erasure=erasures.ask(account=account, email=f"gone@{name}.example", actor=owner),
        invitation=make_invitation(account, f"guest@{name}.example")[0],
    )


# How an argument of a route is filled: with a row of a world.  A route with a new argument needs a line here.
FILLED: dict[str, Callable[[World], object]] = {
    "account": lambda world: world.account.slug,
    "row_number": lambda _world: 1,
    "upload_id": lambda world: world.upload.pk,
    "job_id": lambda world: world.job.pk,
    "check_id": lambda world: world.job.checks.get().pk,
    "member_id": lambda world: world.account.memberships.get(user=world.owner).pk,
    "key_id": lambda world: world.key.pk,
    "pk": lambda world: world.passkey.pk,
    "domain_id": lambda world: world.domain.pk,
    "suppression_id": lambda world: world.suppression.pk,
    "webhook_id": lambda world: world.webhook.pk,
    "filter_id": lambda world: world.saved_filter.pk,
    "delivery_id": lambda world: world.delivery.pk,
    "invitation_id": lambda world: world.invitation.pk,
    "file_id": lambda world: world.file.pk,
    "erasure_id": lambda world: world.erasure.pk,
}
NO_SUCH = {
    "check_id": 0,
    "row_number": 0,
    "domain_id": 0,
    "filter_id": 0,
    "suppression_id": 0,
    "account": "no-such-account",
    "member_id": 0,
    "invitation_id": 0,
    "key_id": 0,
    "pk": 0,
}  # others: a fresh UUID


def address(route: Route, world: World, **instead: object) -> str:
    """Give a route's address with the rows of a world."""
    missing = set(route.arguments) - set(FILLED) - set(instead)
    assert not missing, f"{route} takes {missing}: say in FILLED which row that is"
    filled = {name: FILLED[name](world) for name in route.arguments if name not in instead}
    return "/" + route.path.format(**filled | instead)


def address_of_nothing(route: Route, world: World, *, account: bool) -> str:
    """Give a route's address where the account (or, within the world's account, the row) does not exist."""
    names = {"account"} if account else set(route.arguments) - {"account"}
    return address(route, world, **{name: NO_SUCH.get(name, uuid4()) for name in names})


def ask(client: Client, method: str, path: str, **headers: str) -> HttpResponseBase:
    kind = "application/json" if path.startswith("/api/") else "application/x-www-form-urlencoded"
    response: HttpResponseBase = client.generic(method, path, content_type=kind, headers=headers)
    return response


def body(response: HttpResponseBase) -> bytes:
    return response.getvalue()


def has_no_such_method(response: HttpResponseBase, method: str) -> bool:
    """Tell whether the route takes no such method, from anybody."""
    return response.status_code == 405 and method not in response["Allow"].split(", ")


UNSTEADY = {"last_used_at", "last_used_from", "last_login"}


def everything_kept() -> dict[str, list[tuple[object, ...]]]:
    """Give all rows of our tables, but for when a key or a person was last seen, and how often it called."""
    models = [model for app in ("accounts", "verification") for model in apps.get_app_config(app).get_models()]
    kept = [model for model in models if model not in (AccountUsage, KeyUsage)]
    return {model._meta.label: sorted(_rows(model), key=repr) for model in kept}


def _rows(model: type[Model]) -> list[tuple[object, ...]]:
    fields = [field.attname for field in model._meta.concrete_fields if field.attname not in UNSTEADY]
    return list(model._default_manager.values_list(*fields))
