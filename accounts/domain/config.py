"""Which toggles and limits hold for an account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext_noop

from accounts.domain import audit
from accounts.domain.audit import Action
from accounts.domain.standing import NOBODY, Standing
from accounts.models import Account, AccountConfig, User

if TYPE_CHECKING:
    from django.db.models import Field

NOT_STEERED = frozenset({"id", "account", "sending_domain", "updated_at"})
GROUPS: dict[str, tuple[str, ...]] = {  # as staff and customers see them
    gettext_noop("Ways in and out"): (
        "verification_api",
        "job_requests",
        "attachments",
        "uploads",
        "exports",
        "webhooks",
        "dkim",
    ),
    gettext_noop("Checks"): (
        *("mailbox_probe", "catch_all_probe", "greylist_retry", "typo_suggestion", "result_reuse"),
        *("spam_trap_check", "disposable_check", "antivirus", "forbidden_local_parts"),
    ),
    gettext_noop("Limits"): (
        *("rows_per_upload", "addresses_per_job", "upload_megabytes", "deadline_seconds", "greylist_hours"),
        *("calls_per_minute", "concurrent_calls", "license_keys", "retention_days"),
    ),
}

# What holds for jobs whose sender is of a domain with a row of its own; all else is the account's own row's.
OF_DOMAINS = frozenset(
    (
        *(
            "job_requests",
            "attachments",
            "dkim",
            "mailbox_probe",
            "catch_all_probe",
            "greylist_retry",
            "typo_suggestion",
        ),
        *("result_reuse", "spam_trap_check", "disposable_check", "antivirus", "forbidden_local_parts"),
        *("addresses_per_job", "deadline_seconds", "greylist_hours"),
    )
)


class FeatureDisabled(Exception):
    """A feature is off in the account's config."""

    standing: Standing = NOBODY

    def __init__(self, feature: str) -> None:
        super().__init__(f"Feature {feature} is disabled in AccountConfig for this account/domain")
        self.feature = feature


def config_of(account: Account, sending_domain: str = "") -> AccountConfig:
    """Give the sending domain's row, else the account's own, else an unsaved one with the defaults."""
    rows = AccountConfig.objects.filter(account=account, sending_domain__in={"", sending_domain.lower()})
    config = rows.order_by("-sending_domain").first()  # the empty name sorts last
    if config is None:
        return AccountConfig(account=account)
    config.account = account
    return config


def configs_of(account: Account) -> list[AccountConfig]:
    """Give the account's own config, then the rows of its sending domains, by name."""
    domains = AccountConfig.objects.filter(account=account).exclude(sending_domain="").order_by("sending_domain")
    return [config_of(account), *domains]


def require(config: AccountConfig, feature: str) -> None:
    """Raise FeatureDisabled when a feature, named by its field, is off."""
    if not getattr(config, feature):
        raise FeatureDisabled(feature)


@transaction.atomic
def store(*, config: AccountConfig, actor: User | None, reason: str = "") -> None:
    """Save a row as it is set now, and what changed in the audit log."""
    before = audit.stored(config) if config.pk else None
    config.save()
    after = audit.snapshot(config)
    if before is not None and _less_date(before) == _less_date(after):
        return
    audit.record(
        action=Action.CONFIG_CHANGED,
        actor=actor,
        target=config,
        account=config.account,
        reason=reason,
        before=_less_date(before or {}),
        after=_less_date(after),
    )


@transaction.atomic
def remove(*, config: AccountConfig, actor: User | None) -> None:
    """Delete a row: the account's own, or the defaults, hold instead."""
    gone = _less_date(audit.stored(config))
    audit.record(action=Action.CONFIG_DELETED, actor=actor, target=config, account=config.account, before=gone)
    config.delete()


def _less_date(values: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if name != "updated_at"}


def steered_fields() -> list[Field[Any, Any]]:
    """Give the toggles and limits, in the order of the model."""
    return [field for field in AccountConfig._meta.fields if field.name not in NOT_STEERED]
