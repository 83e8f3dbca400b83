"""The audit log: what was done, by whom, from where, and what changed.  Append-only, kept for good.

Write an entry in the transaction of the act it tells of, so that neither is there without the other:

    with transaction.atomic():
        before = audit.snapshot(config)
        ...
        audit.record(action=Action.CONFIG_CHANGED, actor=actor, target=config, account=config.account,
                     before=before, after=audit.snapshot(config))

Where the act came from is known by itself: the portal notes each request's id and client address in `origin`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from accounts.models import Account, AuditEntry, LicenseKey, User

REASON_LENGTH = 200
SYSTEM = "system"  # the actor where no person is


class Action(StrEnum):
    """What can have happened; add to it, never rename: the log keeps the old words."""

    ACCOUNT_OPENED = "account.opened"
    ACCOUNT_CHANGED = "account.changed"
    ACCOUNT_SUSPENDED = "account.suspended"
    ACCOUNT_RESUMED = "account.resumed"
    ACCOUNT_CLOSED = "account.closed"
    CONFIG_CHANGED = "config.changed"
    CONFIG_DELETED = "config.deleted"
    KEY_MADE = "key.made"
    KEY_CHANGED = "key.changed"
    KEY_ROTATED = "key.rotated"
    KEY_REVOKED = "key.revoked"
    MEMBER_ADDED = "member.added"
    ROLE_CHANGED = "member.role_changed"
    MEMBER_REMOVED = "member.removed"
    INVITATION_MADE = "invitation.made"
    INVITATION_ACCEPTED = "invitation.accepted"
    INVITATION_WITHDRAWN = "invitation.withdrawn"
    QUOTA_GRANTED = "quota.granted"
    QUOTA_CHANGED = "quota.changed"
    USER_MADE = "user.made"
    USER_CHANGED = "user.changed"
    GROUP_CHANGED = "group.changed"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105  # a word, no password
    STAFF_SIGNED_IN = "staff.signed_in"
    FACTOR_ADDED = "second_factor.added"
    FACTOR_REMOVED = "second_factor.removed"
    RECOVERY_CODES_RENEWED = "second_factor.codes_renewed"
    IMPERSONATION_STARTED = "impersonation.started"
    IMPERSONATION_ENDED = "impersonation.ended"
    ORGANISATION_RELEASED = "organisation.released"
    ORGANISATION_PAUSED = "organisation.paused"
    ORGANISATION_RESUMED = "organisation.resumed"
    JOB_REQUEUED = "job.requeued"
    JOB_DELETED = "job.deleted"
    CALLS_DELETED = "calls.deleted"
    ERASURE_ASKED = "erasure.asked"
    ERASURE_DONE = "erasure.done"
    DOMAIN_ADDED = "domain.added"
    DOMAIN_CHANGED = "domain.changed"
    DOMAIN_REMOVED = "domain.removed"
    FILTER_SAVED = "filter.saved"
    FILTER_REMOVED = "filter.removed"
    SUPPRESSION_ADDED = "suppression.added"
    SUPPRESSION_IMPORTED = "suppression.imported"
    SUPPRESSION_REMOVED = "suppression.removed"
    WEBHOOK_ADDED = "webhook.added"
    WEBHOOK_CHANGED = "webhook.changed"
    WEBHOOK_DISABLED = "webhook.disabled"
    WEBHOOK_ENABLED = "webhook.enabled"
    WEBHOOK_REMOVED = "webhook.removed"
    DO_NOT_PROBE_SET = "do_not_probe.set"
    DO_NOT_PROBE_REMOVED = "do_not_probe.removed"
    TEXT_CHANGED = "text.changed"


SECRET = frozenset({"password", "digest", "hash_key", "secret", "token", "data"})  # names of fields never written down


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an act came from."""

    request_id: str = ""
    client_address: str | None = None


NOWHERE = Origin()
origin: ContextVar[Origin] = ContextVar("audit_origin", default=NOWHERE)


def record(
    *,
    action: Action,
    actor: User | AnonymousUser | LicenseKey | None,
    target: models.Model | None = None,
    label: str | None = None,
    account: Account | None = None,
    reason: str = "",
    before: Mapping[str, Any] | None = None,  # Any: JSON
    after: Mapping[str, Any] | None = None,  # Any: JSON
) -> AuditEntry:
    """Write one entry.  Of `before` and `after` only what differs is kept, and nothing named like a secret.

    `target` is what was acted on; an account as the target is the entry's account, too.  `label` names it where its own
    name may hold an address, which must not stay here for good.
    """
    if account is None and isinstance(target, Account):
        account = target
    before, after = _differing(before, after)
    person = actor if isinstance(actor, User) else None
    here = origin.get()
    return AuditEntry.objects.create(
        actor=person,
        actor_label=_label_of(actor),
        action=action.value,
        object_type=target._meta.label_lower if target else "",
        object_id=str(target.pk)[:64] if target else "",
        object_label=(str(target) if label is None else label)[:200] if target else "",
        account=account,
        reason=reason[:REASON_LENGTH],
        before=before,
        after=after,
        request_id=here.request_id[:32],
        client_address=here.client_address,
    )


def _label_of(actor: User | AnonymousUser | LicenseKey | None) -> str:
    """Name who acted: a person by their address, a program by its key."""
    match actor:
        case User():
            return actor.email
        case LicenseKey():
            return f"key {actor.pk}: {actor}"
    return SYSTEM


def snapshot(row: models.Model, fields: Iterable[str] | None = None) -> dict[str, Any]:  # Any: JSON
    """Give a row's columns (all, or those named) as JSON, without secrets."""
    names = {field.attname for field in row._meta.concrete_fields} if fields is None else set(fields)
    values = {name: getattr(row, name) for name in sorted(names - SECRET) if not _is_binary(getattr(row, name))}
    plain: dict[str, Any] = json.loads(json.dumps(values, cls=DjangoJSONEncoder))
    return plain


def stored(row: models.Model, fields: Iterable[str] | None = None) -> dict[str, Any]:  # Any: JSON
    """Give the snapshot of a row as the database has it, whatever was set on this instance since."""
    return snapshot(type(row)._default_manager.get(pk=row.pk), fields)


def _is_binary(value: object) -> bool:
    return isinstance(value, bytes | memoryview)


def _differing(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    old, new = (
        {name: value for name, value in (given or {}).items() if name not in SECRET} for given in (before, after)
    )
    same = {name for name in old.keys() & new.keys() if old[name] == new[name]}
    left, right = ({name: value for name, value in given.items() if name not in same} for given in (old, new))
    return (left or None), (right or None)
