"""Results as JSON Lines: one object a row, those not taken and not tried yet, too."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from verification.domain.exports import OF_A_PIECE, pieces_of
from verification.domain.row_filter import EVERYTHING, Chosen
from verification.engine.syntax import parse, split_display_name
from verification.models import Job

ROWS = f"""
SELECT c.block, c.block_index, c.reference, c.address, c.classifier, c.original,
       r.result, r.reason, r.role, r.free, r.disposable, r.mail_server_location, r.duration, r.blame, r.final,
       r.normalized, r.did_you_mean, to_char(r.checked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
{OF_A_PIECE}"""  # constants
VERDICT = (
    *("result", "reason", "role", "free", "disposable", "mailServerLocation", "duration", "blame", "final"),
    *("normalized", "didYouMean", "checkedTs"),
)


def export_jsonl(*, job: Job, chosen: Chosen = EVERYTHING) -> Iterator[bytes]:
    """Give the job's rows, piece by piece; a row without a verdict has null for its members."""
    for rows in pieces_of(job, ROWS, chosen):
        yield "".join(f"{json.dumps(document(job, row), ensure_ascii=False)}\n" for row in rows).encode()


def document(job: Job, row: Sequence[Any]) -> dict[str, Any]:  # Any: columns; JSON
    block, index, reference, text, classifier, original, *verdict = row
    address = parse(split_display_name(text))
    return {
        "id": f"{job.pk}#{block:08x}#{index:08x}",
        "email": address.text,
        "reference": reference,
        **({"column": job.columns[job.address_columns[index]]} if job.address_columns else {}),
        "classifier": classifier or None,
        "user": address.user,
        "domain": address.domain,
        **dict(zip(VERDICT, verdict, strict=True)),
        "original": original,
    }
