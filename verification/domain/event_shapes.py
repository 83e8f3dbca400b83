"""What an event looks like to programs, in the feed and in webhooks alike: docs/api/events.md."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from verification.engine.syntax import parse, split_display_name
from verification.models import Classifier, EventType, Job

VERSION = "1"
FORBIDDEN = "Reason: Local part forbidden by config"
OF_THE_JOB = frozenset({EventType.STARTED.value, EventType.PROCESSED.value})
PHASES = {
    EventType.DROPPED.value: "PRE_PROCESS",
    EventType.STARTED.value: "PROCESS",
    EventType.VERIFIED.value: "FINISHED",
    EventType.DEFERRED.value: "PROCESS",
    EventType.PROCESSED.value: "FINISHED",
}
GOES_ON = frozenset({EventType.STARTED.value, EventType.DEFERRED.value})
TRY_AGAIN = "TRY_AGAIN"  # of DEFERRED


class Recipient(NamedTuple):
    """A row of a job and its verdict; columns of the statement in feed.py."""

    block: int
    block_index: int
    reference: str
    address: str
    result: str | None
    reason: str | None
    blame: str | None
    role: bool | None
    free: bool | None
    disposable: bool | None
    location: str | None
    duration: int | None


@dataclass(frozen=True, slots=True)
class Entry:
    job_id: UUID
    type: str
    sub_type: str
    created_at: datetime
    seq: int
    check: Recipient | None = None


def recipient_id(job_id: UUID, block: int, index: int) -> str:
    return f"{job_id}#{block:08x}#{index:08x}"


def timestamp(moment: datetime) -> str:
    """Give a moment in UTC with milliseconds and a Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def message(job: Job, entries: Iterable[Entry]) -> dict[str, Any]:  # Any: JSON
    """Show entries of one job."""
    return {"meta": meta(job), "notifications": [notification(entry) for entry in entries]}


def meta(job: Job) -> dict[str, str]:
    named = {"referenceJob": job.reference_job, "costCenter": job.cost_center, "campaignId": job.campaign_id}
    always = {
        "account": job.account.slug,
        "receivedTs": timestamp(job.created_at),
        "jobId": str(job.pk),
        "version": VERSION,
    }
    return always | {name: value for name, value in named.items() if value}


def notification(entry: Entry) -> dict[str, Any]:  # Any: JSON
    check = entry.check
    about: dict[str, Any] = {"seq": entry.seq}  # Any: JSON
    if check is None:
        return {"meta": about | {"event": event(entry, entry.sub_type)}}
    address = parse(split_display_name(check.address))
    about["mail"] = {"id": recipient_id(entry.job_id, check.block, check.block_index), "email": address.text}
    if check.reference:
        about["mail"]["reference"] = check.reference
    if entry.type == EventType.DEFERRED:
        return {"meta": about | {"event": event(entry, TRY_AGAIN)}}
    if entry.type != EventType.VERIFIED or check.result is None:
        return {"meta": about | {"event": event(entry, entry.sub_type)}}
    return {
        "meta": about | {"event": event(entry, check.result)},
        "content": {
            "result": check.result,
            "reason": check.reason,
            "role": check.role,
            "free": check.free,
            "disposable": check.disposable,
            "email": address.text,
            "domain": address.domain,
            "user": address.user,
            "mailServerLocation": check.location,
            "duration": check.duration,
            "blame": check.blame,
        },
    }


def event(entry: Entry, sub_type: str) -> dict[str, str]:
    shown = {
        "type": entry.type,
        "phase": PHASES[entry.type],
        "state": "IN_PROGRESS" if entry.type in GOES_ON else "FINISHED",
        "subType": sub_type,
        "ts": timestamp(entry.created_at),
    }
    if sub_type == Classifier.FORBIDDEN_RECIPIENT:
        shown["description"] = FORBIDDEN
    return shown
