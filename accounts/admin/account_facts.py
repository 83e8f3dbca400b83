"""What an account's page tells beside its form: keys, grants, usage.  Bounded, whatever the account holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import F, IntegerField, OuterRef, QuerySet, Subquery
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from accounts.models import Account, LedgerEntry, LedgerKind, LicenseKey, QuotaPeriod, User

SHOWN = 10


def with_usage(accounts: QuerySet[Account]) -> QuerySet[Account]:
    """Add the present period's figures (None before its first use), prepaid credits and when a key was last used."""
    period = QuotaPeriod.objects.current().filter(account=OuterRef("pk"))
    last_use = LicenseKey.objects.filter(account=OuterRef("pk"), last_used_at__isnull=False).order_by("-last_used_at")

    def of_period(field: str) -> Subquery:
        return Subquery(period.values(field)[:1], output_field=IntegerField())

    return accounts.annotate(
        period_granted=of_period("granted"),
        period_used=of_period("used"),
        period_reserved=of_period("reserved"),
        credits=F("credit__balance") - F("credit__reserved"),
        key_used_at=Subquery(last_use.values("last_used_at")[:1]),
    )


def table(head: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> SafeString | str:
    """Give rows as a small table."""
    rows = list(rows)
    if not rows:
        return empty
    columns = SafeString("<td>{}</td>" * len(head))
    return format_html(
        '<div class="facts-box"><table class="facts"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>',
        format_html_join("", "<th>{}</th>", [[each] for each in head]),
        format_html_join("", f"<tr>{columns}</tr>", rows),
    )


def newest_keys(account: Account) -> SafeString | str:
    keys = list(LicenseKey.objects.filter(account=account).order_by("-pk")[: SHOWN + 1])
    rows = [
        (
            format_html('<a href="{}">{}…</a>', reverse("admin:accounts_licensekey_change", args=[key.pk]), key.prefix),
            key.name,
            key.kind,
            "revoked" if key.revoked_at else "in use",
            moment(key.last_used_at) or "never",
        )
        for key in keys[:SHOWN]
    ]
    shown = table(("Key", "Name", "Kind", "State", "Last used"), rows, "No key yet.")
    if len(keys) <= SHOWN:
        return shown
    every = f"{reverse('admin:accounts_licensekey_changelist')}?account__id__exact={account.pk}"
    return format_html('{}<p><a href="{}">All keys</a></p>', shown, every)


def newest_grants(account: Account) -> SafeString | str:
    given = LedgerEntry.objects.filter(account=account, kind__in=[LedgerKind.GRANT, LedgerKind.ADJUST])
    entries = list(given.order_by("-created_at")[:SHOWN])
    names = dict(User.objects.filter(pk__in={entry.actor_id for entry in entries}).values_list("pk", "email"))
    rows = [
        (
            moment(entry.created_at),
            f"{entry.amount:+,}",
            "prepaid" if entry.period_id is None else entry.kind,
            entry.note or "–",
            names.get(entry.actor_id, "–") if entry.actor_id else "the product",
        )
        for entry in entries
    ]
    return table(("When", "Checks", "Kind", "Reason", "By"), rows, "Nothing granted yet.")


def moment(at: object) -> str:
    """Give a time in UTC to the minute, "" for none."""
    return f"{localtime(at):%Y-%m-%d %H:%M}" if at else ""  # type: ignore[arg-type]  # a datetime
