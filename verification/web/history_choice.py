"""Which checks the history shows: read from the query of its address, and written into the links of its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import F, Q
from django.http import QueryDict
from django.utils.timezone import make_aware
from django.utils.translation import gettext

from accounts.models import Account, LicenseKey
from verification.domain import history
from verification.domain.history import Place, Wanted
from verification.domain.row_filter import RowFilter
from verification.domain.text import storable
from verification.engine.types import Reason
from verification.models import Job
from verification.web.forms import one_of

NAMES = ("q", "verdict", "job", "key", "since", "until")
LONGEST_TEXT = 320
SHOWN = 100  # lists and keys to choose from
NONE = "none"  # no key, no list
FIRST_YEAR, LAST_YEAR = 2000, 2999


@dataclass(frozen=True, slots=True)
class HistoryChoice:
    """What was chosen; `faults`: what could not be read, by field, in words for the reader."""

    given: dict[str, str]
    wanted: Wanted
    before: Place | None
    jobs: Sequence[Job]
    keys: Sequence[LicenseKey]
    faults: dict[str, str] = field(default_factory=dict)

    @property
    def query(self) -> str:
        """Give it as part of an address, without a place."""
        return urlencode({name: value for name, value in self.given.items() if value})

    @property
    def older_query(self) -> str:
        """Give the query with an end for the place."""
        return f"{self.query}&" if self.query else ""


def choice_of(query: QueryDict, account: Account) -> HistoryChoice:
    """Read a choice; where something cannot be read, nothing is to be shown."""
    given = {name: storable(query.get(name, "").strip())[:LONGEST_TEXT] for name in NAMES}
    faults: dict[str, str] = {}
    jobs, keys = jobs_of(account, given["job"]), keys_of(account, given["key"])
    wanted = Wanted(
        who=history.who(given["q"]) if given["q"] else None,
        kind=one_of(RowFilter, given["verdict"]),
        reason=one_of(Reason, given["verdict"]),
        without_key=given["key"] == NONE,
        key=next((key for key in keys if str(key.pk) == given["key"]), None),
        single=given["job"] == NONE,
        job=next((job for job in jobs if job.pk == uuid_of(given["job"])), None),
    )
    if wanted.kind is RowFilter.ALL:
        wanted = replace(wanted, kind=None)
    since, until = day_of(given, "since", faults), day_of(given, "until", faults)
    if since and until and since > until:
        faults["until"] = gettext("The last day is before the first one.")
    elif not faults:
        wanted = replace(wanted, since=start_of(since), until=start_of(until and until + timedelta(days=1)))
    if given["q"] and wanted.who is None:
        faults["q"] = gettext("This is neither an email address nor a domain.")
    if given["verdict"] and not (wanted.kind or wanted.reason or given["verdict"] == RowFilter.ALL):
        faults["verdict"] = gettext("There is no such verdict.")
    if given["job"] and wanted.job is None and not wanted.single:
        faults["job"] = gettext("There is no such list in this account; it may have been deleted.")
    if given["key"] and wanted.key is None and not wanted.without_key:
        faults["key"] = gettext("There is no such key in this account.")
    before = place_of(query.get("before", ""), faults)
    return HistoryChoice(given, wanted, before, jobs, keys, faults)


def jobs_of(account: Account, chosen: str) -> Sequence[Job]:
    """Give the newest lists, and the one that is chosen."""
    all_jobs = Job.objects.of(account)
    newest = all_jobs.newest_first().values("pk")[:SHOWN]
    return list(all_jobs.filter(Q(pk__in=newest) | Q(pk=uuid_of(chosen))).newest_first())


def keys_of(account: Account, chosen: str) -> Sequence[LicenseKey]:
    """Give the keys last used, and the one that is chosen."""
    all_keys = LicenseKey.objects.of(account).order_by(F("last_used_at").desc(nulls_last=True), "-pk")
    number = int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < 19 else 0
    return list(all_keys.filter(Q(pk__in=all_keys.values("pk")[:SHOWN]) | Q(pk=number)))


def uuid_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def day_of(given: dict[str, str], name: str, faults: dict[str, str]) -> date | None:
    """Read a day, or note that it is none."""
    if not given[name]:
        return None
    try:
        day = date.fromisoformat(given[name])
    except ValueError:
        faults[name] = gettext("Write a day as year-month-day, such as 2026-03-31.")
        return None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        faults[name] = gettext("Days are from %(first_year)s to %(last_year)s.") % {
            "first_year": FIRST_YEAR,
            "last_year": LAST_YEAR,
        }
        return None
    return day


def start_of(day: date | None) -> datetime | None:
    """Give when a day begins where the reader is."""
    return make_aware(datetime.combine(day, time.min)) if day else None


def place_of(text: str, faults: dict[str, str]) -> Place | None:
    if not text:
        return None
    try:
        return Place.from_text(text)
    except ValueError:
        faults["before"] = gettext("This link is damaged. Begin with the newest checks.")
        return None
