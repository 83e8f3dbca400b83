"""Notices that little is left: at 10 % and at 5 %, each once in a period, and again after a grant that lifted it.

The share is that of all there was to use: the period's grant and the most that was prepaid meanwhile.  What is set
aside is not left.  Rows are an outbox: noted by the sweeper, sent by the queue, kept for staff to see.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Greatest, Now

from accounts import mails
from accounts.domain.outbox import managers_of
from accounts.links import link_to
from accounts.models import Membership, QuotaNotice, QuotaPeriod

SHARES = (5, 10)  # percent, the smaller first
ALL = 100
TRIES = 5  # 10 minutes apart
AT_ONCE = 100  # notices that one task sends

# How accounts stand in their present periods; `share` is the smallest of SHARES that no more than this is left of.
_STANDING = """
standing AS (
    SELECT p.id, p.account_id, p.prepaid_most, p.told, coalesce(c.balance, 0) AS balance,
           p.granted - p.used - p.reserved + coalesce(c.balance - c.reserved, 0) AS open,
           p.granted + greatest(p.prepaid_most, coalesce(c.balance, 0)) AS "full"
    FROM accounts_quotaperiod p
    JOIN accounts_account a ON a.id = p.account_id AND a.status = 'active'
    LEFT JOIN accounts_credit c ON c.account_id = p.account_id
    WHERE p.reset_at IS NULL AND p.ends_on > (now() AT TIME ZONE 'UTC')::date
      AND p.starts_on <= (now() AT TIME ZONE 'UTC')::date
      AND (%(account_id)s::bigint IS NULL OR p.account_id = %(account_id)s::bigint)
), judged AS (
    SELECT *, CASE WHEN "full" = 0 THEN 100 WHEN open * 20 <= "full" THEN 5 WHEN open * 10 <= "full" THEN 10
                   ELSE 100 END AS share
    FROM standing
)
"""
NOTE = f"""
WITH {_STANDING}, changed AS (
    UPDATE accounts_quotaperiod p
    SET prepaid_most = greatest(judged.prepaid_most, judged.balance), told = least(judged.told, judged.share)
    FROM judged
    WHERE p.id = judged.id AND p.told = judged.told AND p.prepaid_most = judged.prepaid_most
      AND (judged.share < judged.told OR judged.balance > judged.prepaid_most)
    RETURNING p.id
)
INSERT INTO accounts_quotanotice (account_id, period_id, share, "left", "full", created_at, due_at)
SELECT account_id, id, share, open, "full", now(), now() FROM judged JOIN changed USING (id) WHERE share < told
"""  # constants
LIFT = f"""
WITH {_STANDING}
UPDATE accounts_quotaperiod p
SET prepaid_most = greatest(judged.prepaid_most, judged.balance), told = greatest(judged.told, judged.share)
FROM judged WHERE p.id = judged.id
"""  # constants
CLAIM = """
UPDATE accounts_quotanotice SET tries = tries + 1, due_at = now() + interval '10 minutes'
WHERE id = (SELECT id FROM accounts_quotanotice WHERE sent_at IS NULL AND due_at <= now() AND tries < %(tries)s
            ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id
"""


def note() -> int:
    """Note who has little left and was not told; gives how many notices that made."""
    with connection.cursor() as cursor:
        cursor.execute(NOTE, {"account_id": None})
        return int(cursor.rowcount)


def lift(*, account_id: int) -> None:
    """Let notices come again after a grant, as far as it lifted what is left above them."""
    with connection.cursor() as cursor:
        cursor.execute(LIFT, {"account_id": account_id})


def are_due() -> bool:
    return QuotaNotice.objects.filter(sent_at=None, due_at__lte=Now(), tries__lt=TRIES).exists()


def send_due() -> int:
    """Send what was noted, to the owners and admins; gives how many notices went out.  Tried again when mail fails."""
    sent = 0
    for _ in range(AT_ONCE):
        notice = _claim()
        if notice is None:
            break
        if _send(notice):
            QuotaNotice.objects.filter(pk=notice.pk).update(sent_at=Now())
            sent += 1
    return sent


def _claim() -> QuotaNotice | None:
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {"tries": TRIES})
        row = cursor.fetchone()
    return QuotaNotice.objects.select_related("account", "period").get(pk=row[0]) if row else None


def _send(notice: QuotaNotice) -> bool:
    """Tell whether anybody got it; one whose account has nobody left to tell counts as sent."""
    account = notice.account
    context = {
        "account": " ".join(account.name.split()),
        "notice": notice,
        "link": link_to("quota", account=account.slug),
    }
    went = [mails.send("quota_low", person.email, context) for person in managers_of(account)]
    return any(went) or not went


@dataclass(frozen=True, slots=True)
class Low:
    """Little is left: `share` percent at most of `full`."""

    share: int
    left: int
    full: int


def with_standing(memberships: QuerySet[Membership]) -> QuerySet[Membership]:
    """Add what `low` needs, without a query of its own."""
    period = QuotaPeriod.objects.current().filter(account=OuterRef("account"))
    balance = Coalesce(F("account__credit__balance"), 0)
    most = Coalesce(Subquery(period.values("prepaid_most")[:1]), 0)
    return memberships.annotate(
        quota_open=Subquery(period.annotate(open=F("granted") - F("used") - F("reserved")).values("open")[:1])
        + balance
        - Coalesce(F("account__credit__reserved"), 0),
        quota_full=Subquery(period.values("granted")[:1]) + Greatest(most, balance),
    )


def low(membership: Membership) -> Low | None:
    """Tell whether little is left, of a membership `with_standing`."""
    left, full = getattr(membership, "quota_open", None), getattr(membership, "quota_full", None)
    if left is None or not full:
        return None
    share = next((share for share in SHARES if left * ALL <= full * share), None)
    return Low(share, left, full) if share else None
