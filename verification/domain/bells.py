"""Bells: queue entries that say "look", after commit.  A lost one is found by the sweeper.

So a queue that is away (Redis may be) is logged and fails nobody whose rows are committed.
"""

from __future__ import annotations

import logging
import uuid
from functools import partial

from django.db import transaction
from django_q.tasks import async_task

from verification.domain.failpoints import failpoint

logger = logging.getLogger(__name__)


def ring() -> None:
    """Wake a drain once the present transaction is committed."""
    transaction.on_commit(partial(put, "verification.tasks.run_drain"))


def ask_to_read(job_id: uuid.UUID) -> None:
    """Have an uploaded list read once the present transaction is committed."""
    transaction.on_commit(partial(put, "verification.tasks.read_list", str(job_id)))


def ask_to_prepare() -> None:
    """Have downloads prepared that were asked for, once the present transaction is committed."""
    transaction.on_commit(partial(put, "verification.tasks.prepare_exports"))


def put(task: str, *arguments: str) -> None:
    failpoint("bell_before_ring")
    try:
        async_task(task, *arguments)  # type: ignore[no-untyped-call]  # of django-q2
    except Exception:  # of whatever broker
        logger.exception("no bell for %s", task)
