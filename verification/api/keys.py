"""License keys, looked after by programs that hold one with the scope `account`: docs/api/native.md."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, ClassVar

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.domain import keys
from accounts.models import KeyKind, LicenseKey, Scope
from verification.api import json_members, query, schema_keys
from verification.api.base import ApiView, key_of
from verification.api.idempotent import Done, once
from verification.api.job_answers import timestamp
from verification.api.json_members import or_null
from verification.api.names import on_the_wire

LIMIT = 100
LIST = "keys"  # the name of the list, for its cursors
NEW = {
    "name": json_members.text,
    "kind": json_members.one_of(KeyKind),
    "scopes": json_members.texts,
    "allowedNetworks": json_members.texts,
    "monthlyCap": or_null(json_members.whole_number),
    "callsPerMinute": or_null(json_members.whole_number),
    "expiresTs": or_null(json_members.moment),
}
ROTATION = {"oldUntilTs": or_null(json_members.moment)}


class KeysView(ApiView):
    """The keys of the account."""

    scopes: ClassVar = {"GET": Scope.ACCOUNT, "POST": Scope.ACCOUNT}

    @extend_schema(**schema_keys.LIST_KEYS)
    def get(self, request: Request) -> Response:
        """Give the account's keys, newest first, those that are over among them; never a secret."""
        limit = query.number(request, "limit", default=LIMIT, least=1, most=LIMIT)
        behind = query.behind(request, of=LIST)
        found = keys.seen_by(key_of(request))
        if behind is not None:
            found = found.filter(pk__lt=int(behind[0]))
        rows = list(found[: limit + 1])
        more = query.next_url(request, [rows[limit - 1].pk], of=LIST) if len(rows) > limit else None
        return Response({"keys": [document(row) for row in rows[:limit]], "next": more})

    @extend_schema(**schema_keys.MAKE_KEY)
    def post(self, request: Request) -> Response:
        """Make a key, which can do no more than the key that asks.  Its secret is in this answer only."""
        return once(self, request, lambda: make(request))


class KeyView(ApiView):
    """One key."""

    scopes: ClassVar = {"GET": Scope.ACCOUNT, "DELETE": Scope.ACCOUNT}

    @extend_schema(**schema_keys.LOOK_AT_KEY)
    def get(self, request: Request, key_id: int) -> Response:
        """Tell about a key."""
        return Response(document(found_key(request, key_id)))

    @extend_schema(**schema_keys.REVOKE_KEY)
    def delete(self, request: Request, key_id: int) -> Response:
        """Revoke a key for good.  One that is revoked already stays so."""
        keys.revoke(key=found_key(request, key_id), actor=key_of(request), now=timezone.now())
        return Response(status=HTTPStatus.NO_CONTENT)


class RotationView(ApiView):
    """The secret of a key."""

    scopes: ClassVar = {"POST": Scope.ACCOUNT}

    @extend_schema(**schema_keys.ROTATE_KEY)
    def post(self, request: Request, key_id: int) -> Response:
        """Give a key a new secret, and let the one before in until a moment.  The new one is in this answer only."""
        found = found_key(request, key_id)
        return once(self, request, lambda: rotate(request, found))


def make(request: Request) -> Done:
    """Make what is asked for; what is not said of networks and expiry is as with the key that asks."""
    asked, giver = json_members.read_object(request, NEW, required=("name",)), key_of(request)
    with faults_by_member():
        key, secret = keys.create_key(
            account=giver.account,
            name=asked["name"],
            kind=asked.get("kind", KeyKind(giver.kind)),
            actor=giver,
            now=timezone.now(),
            scopes=asked.get("scopes"),
            allowed_networks=asked.get("allowedNetworks", giver.allowed_networks),
            monthly_cap=asked.get("monthlyCap"),
            calls_per_minute=asked.get("callsPerMinute"),
            expires_at=asked.get("expiresTs", giver.expires_at),
        )
    return with_secret(HTTPStatus.CREATED, key, secret)


def rotate(request: Request, key: LicenseKey) -> Done:
    asked = json_members.read_object(request, ROTATION, required=("oldUntilTs",))
    with faults_by_member():
        secret = keys.rotate(key=key, actor=key_of(request), old_until=asked["oldUntilTs"], now=timezone.now())
    return with_secret(HTTPStatus.OK, key, secret)


def with_secret(status: HTTPStatus, key: LicenseKey, secret: str) -> Done:
    """Answer with a secret; of the answer that is kept it is left out, as no secret is stored anywhere."""
    shown = document(key)
    return Done(status, shown | {"secret": secret}, kept=shown | {"secret": None})


def found_key(request: Request, key_id: int) -> LicenseKey:
    """Give a key that the one that asks may look after; all others are not there."""
    found = keys.seen_by(key_of(request)).filter(pk=key_id).first()
    if found is None:
        raise Http404
    return found


@contextmanager
def faults_by_member() -> Iterator[None]:
    """Tell what is wrong with a key by the member that says it."""
    try:
        yield
    except keys.KeyFaulty as fault:
        raise ValidationError({on_the_wire(fault.field): [str(fault)]}) from fault


def document(key: LicenseKey) -> dict[str, Any]:  # Any: JSON
    now = timezone.now()
    before = {"prefix": key.previous_prefix, "untilTs": timestamp(key.previous_until)}
    return {
        "id": key.pk,
        "name": key.name,
        "kind": key.kind,
        "prefix": key.prefix,
        "state": key.state(now),
        "scopes": key.scopes,
        "allowedNetworks": key.allowed_networks,
        "monthlyCap": key.monthly_cap,
        "callsPerMinute": key.calls_per_minute,
        "createdTs": timestamp(key.created_at),
        "expiresTs": timestamp(key.expires_at),
        "revokedTs": timestamp(key.revoked_at),
        "lastUsedTs": timestamp(key.last_used_at),
        "lastUsedFrom": key.last_used_from,
        "previous": before if key.has_two_secrets(now) else None,
    }
