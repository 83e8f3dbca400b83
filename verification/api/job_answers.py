"""How jobs are shown: docs/api/job-request.md."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from typing import Any

from verification.domain import event_shapes
from verification.domain.event_shapes import recipient_id
from verification.domain.intake import Accepted, Taken
from verification.domain.quote import Quote
from verification.engine.syntax import parse, split_display_name
from verification.models import CheckResult, Classifier, Job, JobStatus

COUNTS = ("total", "decided", "undecided", "waiting", "refused", "duplicate", "cancelled")
encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def timestamp(moment: datetime | None) -> str | None:
    """Give a moment in UTC with milliseconds and a Z."""
    return None if moment is None else event_shapes.timestamp(moment)


def phase_of(job: Job) -> str:
    if job.status in (JobStatus.PARSING, JobStatus.READY):
        return "PRE_PROCESS"
    return "PROCESS" if job.waiting else "FINISHED"


def meta(job: Job, *, phase: str) -> dict[str, Any]:  # Any: JSON
    sub_type = "PART" if job.refused or job.duplicate else "FULL"
    return {
        "jobId": str(job.pk),
        "receivedTs": timestamp(job.created_at),
        "state": {"type": "ACCEPTED", "subType": sub_type, "phase": phase},
    }


def accepted(outcome: Accepted) -> bytes:
    """Show what became of each recipient of a request, as JSON.

    Written row by row: a hundred thousand would take much memory as objects, and the encoder would let no other thread
    run from the first of them to the last.
    """
    blocks = [block(outcome.job, rows) for _, rows in groupby(outcome.rows, key=lambda row: row.block)]
    head = encode(meta(outcome.job, phase="PRE_PROCESS")).encode()
    return b'{"meta":%b,"content":{"recipients":[%b]}}' % (head, b",".join(blocks))


def block(job: Job, rows: Iterable[Taken]) -> bytes:
    return b'{"mail":{"to":[%b]}}' % b",".join(encode(taken(job, row)).encode() for row in rows)


def quoted(quote: Quote) -> dict[str, Any]:  # Any: JSON
    """Show what a request would come to."""
    return {
        "dryRun": True,
        "counts": {
            "total": quote.total,
            "taken": quote.taken,
            "refused": quote.refused,
            "duplicate": quote.duplicate,
            "reusable": quote.reusable,
        },
        "cost": quote.cost,
        "quota": {"left": quote.left, "enough": quote.cost <= quote.left},
        "seconds": quote.seconds,
    }


def taken(job: Job, row: Taken) -> dict[str, Any]:  # Any: JSON
    shown: dict[str, Any] = {
        "id": recipient_id(job.pk, row.block, row.index),
        "email": split_display_name(row.email),
    }
    if row.classifier:
        shown["validationResult"] = {"classifier": row.classifier}
        if row.classifier == Classifier.FORBIDDEN_RECIPIENT:
            shown["validationResult"]["message"] = "Reason: Local part forbidden by config"
    return shown


def status(job: Job) -> dict[str, Any]:  # Any: JSON
    """Show how far a job is."""
    return {
        "meta": meta(job, phase=phase_of(job)),
        "status": job.status,
        "counts": {name: getattr(job, name) for name in COUNTS},
        "startedTs": timestamp(job.started_at),
        "finishedTs": timestamp(job.finished_at),
    }


def results(job: Job, verdicts: Iterable[CheckResult], *, next_url: str | None) -> dict[str, Any]:  # Any: JSON
    return {"results": [result(job, verdict) for verdict in verdicts], "next": next_url}


def result(job: Job, verdict: CheckResult) -> dict[str, Any]:  # Any: JSON
    check = verdict.check_row
    address = parse(split_display_name(check.address))
    return {
        "id": recipient_id(job.pk, check.block, check.block_index),
        "email": address.text,
        "reference": check.reference,
        "result": verdict.result,
        "reason": verdict.reason,
        "role": verdict.role,
        "free": verdict.free,
        "disposable": verdict.disposable,
        "domain": address.domain,
        "user": address.user,
        "mailServerLocation": verdict.mail_server_location,
        "duration": verdict.duration,
        "blame": verdict.blame,
        "final": verdict.final,
    }
