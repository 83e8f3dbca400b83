"""The receipt of an erasure as a text, to be kept with what the person wrote."""

from __future__ import annotations

from datetime import UTC, datetime

from verification.models import Erasure

TIME = "%Y-%m-%d %H:%M:%S UTC"


def receipt_text(erasure: Erasure) -> str:
    """Say what was erased, when and for whom, without the address."""
    lines = [
        "Receipt for the erasure of one person's email address",
        "",
        f"Receipt:                {erasure.pk}",
        f"Account:                {erasure.account.name}",
        f"Asked for:              {in_utc(erasure.requested_at)}",
        f"Asked for by:           {asker_of(erasure) or 'somebody who is no longer known'}",
        f"Done:                   {in_utc(erasure.done_at) if erasure.done_at else 'not yet: still at work'}",
        f"Hash of the address:    {erasure.hash}",
        "",
        f"Rows blanked:           {erasure.checks:,}",
        f"Mentions in other rows: {erasure.mentions:,}",
        f"Verdicts' evidence:     {erasure.results:,}",
        f"Memories of it:         {erasure.memories:,}",
        f"Lists not started:      {erasure.uploads:,}",
        "",
        "The address itself is not kept. The hash is BLAKE2b under the account's own key: the account's page of this",
        "receipt tells whether it is that of an address.",
    ]
    return "\n".join(lines) + "\n"


def asker_of(erasure: Erasure) -> str:
    """Name who asked: a person, or a key."""
    if erasure.requested_by is not None:
        return str(erasure.requested_by)
    return f"the key {erasure.key.name}" if erasure.key is not None else ""


def in_utc(time: datetime) -> str:
    return time.astimezone(UTC).strftime(TIME)
