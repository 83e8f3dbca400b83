"""The start page of an account: how it stands, what goes on, and what was found out lately."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.http import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from accounts.domain.access import Permission
from accounts.domain.allowance import allowance_of
from accounts.models import LicenseKey
from verification.domain import dashboard as at_a_glance
from verification.domain.dashboard import EXPIRES_SOON, ProviderShare, Sums
from verification.domain.forecast import at_rate
from verification.domain.job_rows import Row
from verification.engine.types import Result
from verification.web.access import AccountRequest, account_page, page
from verification.web.quota_views import words_of
from verification.web.shown import shown
from verification.web.words import BLAMES, RESULTS, provider_name

MOST_PROVIDERS = 8
MOST_KEYS = 6
HEIGHT = 100
FILLS = {Result.OK: "good", Result.BAD: "bad", Result.RETRY_LATER: "later", Result.UNVERIFIABLE: "unsure"}


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a day's column, counted from its foot."""

    fill: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Day:
    day: date
    counts: list[int]  # in the order of FILLS
    total: int
    pieces: list[Piece]


@require_safe
@account_page(Permission.VIEW)
def dashboard(request: AccountRequest) -> HttpResponseBase:
    """Show an account at a glance; to one that has nothing yet, how to begin."""
    account, now = request.membership.account, timezone.now()
    stands = allowance_of(account)
    sums = at_a_glance.sums(account=account, now=now)
    jobs = at_a_glance.jobs_at_work(account=account)
    checks = at_a_glance.newest_checks(account=account)
    keys = at_a_glance.keys_in_force(account=account)
    found = at_rate(account=account, charged=sums.charged_lately, stands=stands, now=now)
    context = {
        "section": "dashboard",
        "stands": stands,
        "used_percent": min(round(100 * stands.used / stands.granted), 100) if stands.granted else 100,
        "words": words_of(found, ends_on=stands.ends_on, today=now.date()),
        "is_new": not (sums.total or jobs or checks),
        "has_keys": bool(keys),
        "sums": sums,
        "totals": [(FILLS[result], RESULTS[result], sums.of(result)) for result in FILLS],
        "titles": [RESULTS[result] for result in FILLS],
        "days": columns(sums),
        "providers": [(title_of(share), share, BLAMES[share.blame]) for share in shares(sums)],
        "jobs": jobs,
        "rows": [shown(Row(check, getattr(check, "verdict", None))) for check in checks],
        "keys": uses(sums, keys),
        "expiring": expiring(keys, now),
    }
    return page(request, "verification/dashboard.html", context)


def columns(sums: Sums) -> list[Day]:
    """Give each day with its column: the verdicts on top of each other, the highest day as high as the chart."""
    days = [(day, [sums.counts[result][number] for result in FILLS]) for number, day in enumerate(sums.days)]
    top = max((sum(counts) for _, counts in days), default=0) or 1
    return [Day(day, counts, sum(counts), pieces(counts, top)) for day, counts in days]


def pieces(counts: Sequence[int], top: int) -> list[Piece]:
    found, foot = [], 0
    for fill, count in zip(FILLS.values(), counts, strict=True):
        if count:
            found.append(Piece(fill, round(HEIGHT * foot / top, 2), round(HEIGHT * count / top, 2)))
        foot += count
    return found


def shares(sums: Sums) -> list[ProviderShare]:
    return [share for share in sums.providers if share.undecided][:MOST_PROVIDERS]


def title_of(share: ProviderShare) -> str:
    return provider_name(share.provider) or "All others"


def uses(sums: Sums, keys: Sequence[LicenseKey]) -> list[tuple[str, int, int]]:
    """Give the keys that were used most, by name, with checks and what these cost."""
    names: dict[int | None, str] = {key.pk: key.name for key in keys}
    names[None] = gettext("These pages")
    return [
        (names.get(use.key_id, "A key no longer in force"), use.checks, use.charged) for use in sums.keys[:MOST_KEYS]
    ]


def expiring(keys: Sequence[LicenseKey], now: datetime) -> list[LicenseKey]:
    return [key for key in keys if key.expires_at is not None and key.expires_at < now + EXPIRES_SOON]
