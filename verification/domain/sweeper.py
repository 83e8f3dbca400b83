"""What the sweeper does each second, outside the queue: leases that expired, work without a bell, poison, leftovers.

Two sweepers at once do no harm: every step is one statement or transaction that the other finds done.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from psycopg import AsyncConnection

from accounts.domain import outbox, quota, quota_notices, quota_turn
from verification.domain import (
    bells,
    doctor,
    erasures,
    idempotency,
    organisations,
    prepared,
    retention,
    samples,
    sending,
    slots,
    suppression,
    usage,
)
from verification.domain.claims import Connection, Lease
from verification.domain.database import connection_kwargs
from verification.domain.failpoints import failpoint
from verification.domain.flush import Answered, Part, flush
from verification.domain.silence import UNREAD
from verification.domain.slots import Slot
from verification.engine import Answer, Evidence, judge, syntax
from verification.models import Batch, Job, JobStatus, Upload

logger = logging.getLogger(__name__)

SPLIT_FROM_ATTEMPTS = 2
PART_ROWS = 16
PUT_ASIDE_ATTEMPTS = 3
BELL_SECONDS = 5.0  # between two bells for the same silence
QUOTA_SECONDS = 60.0  # between two looks at who has little left, and at periods that are over
MAIL_SECONDS = 5.0  # between two bells for mails
EXPORT_SECONDS = 5.0  # between two bells for downloads that nobody prepares
CLEANING_SECONDS = 3_600.0  # between two looks for orphan files, and for what is past its days
DELETING_SECONDS = 0.5  # of a round, and as much for erasing; the other work must not wait
DONE = object()
ORPHAN_HOURS = 24
LOOK_SECONDS = 20.0  # between two looks for checks that are due; the first as long after the start
ELSEWHERE_HOURS = 1  # how long a list may wait for the machine that has its file

EXPIRE = """
UPDATE verification_batch SET token = NULL, lease_until = NULL, attempts = attempts + 1
WHERE id IN (SELECT id FROM verification_batch WHERE token IS NOT NULL AND lease_until < now()
             ORDER BY id FOR UPDATE SKIP LOCKED)
"""

# First into parts, still worked on one at a time with nothing beside them; a part that kills again into single rows.
# So a killer has few neighbours that wait for each other.
SPLIT = """
WITH suspect AS (
    DELETE FROM verification_batch WHERE id IN (
        SELECT id FROM verification_batch
        WHERE NOT alone AND token IS NULL AND attempts >= %(attempts)s ORDER BY id FOR UPDATE SKIP LOCKED
    ) RETURNING *
), open AS (
    SELECT s.id AS batch_id, c.id, row_number() OVER of_batch - 1 AS place, count(*) OVER (PARTITION BY s.id) AS size
    FROM suspect s CROSS JOIN LATERAL unnest(s.check_ids) WITH ORDINALITY AS c(id, place)
    WHERE NOT EXISTS (SELECT 1 FROM verification_checkresult r WHERE r.check_row_id = c.id AND r.final)
    WINDOW of_batch AS (PARTITION BY s.id ORDER BY c.place)
), part AS (
    SELECT batch_id, size <= %(part)s AS alone, array_agg(id ORDER BY place) AS ids
    FROM open GROUP BY batch_id, size, place / CASE WHEN size <= %(part)s THEN 1 ELSE %(part)s END
)
INSERT INTO verification_batch (job_id, account_id, check_ids, due_at, attempts, alone, tries, flushes,
                                first_tried_at, source_address, sender)
SELECT s.job_id, s.account_id, p.ids, s.due_at, CASE WHEN p.alone THEN 0 ELSE %(attempts)s - 1 END, p.alone, s.tries, 0,
       s.first_tried_at, s.source_address, s.sender
FROM suspect s JOIN part p ON p.batch_id = s.id
"""


@dataclass(slots=True)
class Sweeper:
    """Remembers only when it did what last; everything else is in the rows."""

    last_bell: float = -BELL_SECONDS
    last_cleaning: float = -CLEANING_SECONDS
    last_quota: float = -QUOTA_SECONDS
    last_mail: float = -MAIL_SECONDS
    last_export: float = -EXPORT_SECONDS
    has_old: bool = False  # there may be more that is past its days
    erasing: Iterator[None] | None = None
    asked: dict[object, float] = field(default_factory=dict)
    last_look: float = field(default_factory=time.monotonic)

    def sweep(self) -> None:
        """Do one round."""
        expire_leases()
        put_aside_poison()
        self.ring_for_silent_work()
        self.ask_for_unread_lists()
        self.ask_for_checks()
        quota.release_expired()
        quota.forget_ended_calls()
        usage.fold()
        self.look_after_quota()
        self.ask_for_mail()
        self.ask_for_exports()
        if time.monotonic() - self.last_cleaning > CLEANING_SECONDS:
            self.last_cleaning = time.monotonic()
            remove_orphan_files()
            organisations.forget_old()
            idempotency.sweep()
            outbox.forget()
            prepared.forget_old()
            prepared.remove_orphans()
            samples.forget()
            self.has_old = True
        self.delete_old()
        self.erase()

    def delete_old(self) -> None:
        """Delete what is past its days, or was deleted by somebody, for half a second a round."""
        until = time.monotonic() + DELETING_SECONDS
        while time.monotonic() < until:
            if retention.delete_block():
                continue
            if not self.has_old:
                return
            self.has_old = bool(
                retention.delete_old_jobs()
                or retention.delete_old_calls()
                or suppression.delete_over()
                or retention.forget_old_bounces()
            )

    def erase(self) -> None:
        """Go on with an erasure for half a second; one that broke off begins again."""
        until = time.monotonic() + DELETING_SECONDS
        self.erasing = self.erasing or erasures.proceed()
        while time.monotonic() < until:
            if next(self.erasing, DONE) is DONE:
                self.erasing = None
                return

    def look_after_quota(self) -> None:
        """Close periods that are over, and have it told where little is left; again at once while there is more."""
        if time.monotonic() - self.last_quota < QUOTA_SECONDS:
            return
        if quota_turn.reset_ended() < quota_turn.PERIODS:
            self.last_quota = time.monotonic()
        quota_notices.note()
        if quota_notices.are_due():
            bells.put("verification.tasks.tell_of_quota")

    def ask_for_mail(self) -> None:
        """Have mails sent that are due; a task that is at it already has pushed them off."""
        if time.monotonic() - self.last_mail > MAIL_SECONDS and outbox.are_due():
            self.last_mail = time.monotonic()
            bells.put("verification.tasks.send_mail")

    def ask_for_exports(self) -> None:
        """Have downloads prepared that nobody prepares: asked for anew while that is so."""
        if time.monotonic() - self.last_export > EXPORT_SECONDS and prepared.are_due():
            self.last_export = time.monotonic()
            bells.ask_to_prepare()

    def ring_for_silent_work(self) -> None:
        """Ring when claimable work exists and nobody holds a lease, or nobody on this machine could."""
        if time.monotonic() - self.last_bell < BELL_SECONDS:
            return
        if any(slots.is_silent(slot) for slot in Slot):
            bells.ring()
            self.last_bell = time.monotonic()

    def ask_for_unread_lists(self) -> None:
        """Ask again for lists that nobody is reading.

        One that is on another machine is left to that, for an hour: then it counts as gone.
        """
        now = time.monotonic()
        self.asked = {job: at for job, at in self.asked.items() if now - at < 10 * BELL_SECONDS}
        with connection.cursor() as cursor:
            cursor.execute(UNREAD)
            unread = [job_id for (job_id,) in cursor.fetchall()]
        waiting = Job.objects.filter(pk__in=unread, created_at__lt=Now() - timedelta(seconds=5))
        late = set(waiting.filter(created_at__lt=Now() - timedelta(hours=ELSEWHERE_HOURS)).values_list("pk", flat=True))
        for job in waiting.select_related("upload"):
            is_here = job.upload is not None and job.upload.path.exists()
            if (is_here or job.pk in late) and job.pk not in self.asked:
                self.asked[job.pk] = now
                bells.ask_to_read(job.pk)

    def ask_for_checks(self) -> None:
        """Have this machine examined, and sending domains checked, when that is due; twice does no harm."""
        if time.monotonic() - self.last_look < LOOK_SECONDS:
            return
        self.last_look = time.monotonic()
        if doctor.is_due():
            doctor.ask()
        if sending.has_due():
            sending.ask()


def expire_leases() -> None:
    """Free batches whose worker died; from the second time on their rows are worked on alone."""
    with connection.cursor() as cursor:
        cursor.execute(EXPIRE)
        if cursor.rowcount:
            logger.warning("%s leases expired unreleased", cursor.rowcount)
    failpoint("expiry_before_split")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SPLIT, {"attempts": SPLIT_FROM_ATTEMPTS, "part": PART_ROWS})


def put_aside_poison() -> None:
    """End rows that died alone three times: Unverifiable/Unknown, our fault, free."""
    dead = Batch.objects.filter(alone=True, token=None, attempts__gte=PUT_ASIDE_ATTEMPTS)
    if dead.exists():
        async_to_sync(put_aside)()


async def put_aside() -> None:
    async with await AsyncConnection.connect(**connection_kwargs("sweeper"), autocommit=True) as own:
        for lease, checks in await claim_poison(own):
            failpoint("poison_claimed")
            answered = [Answered(check_id, poisoned(address)) for check_id, address in checks]
            await flush(own, [Part(lease, answered, complete=True)])
            logger.error("put aside a row that killed its worker", extra={"job_id": lease.job_id})


CLAIM_POISON = """
UPDATE verification_batch b SET token = gen_random_uuid(), lease_until = now() + interval '20 seconds'
FROM verification_job j
WHERE b.id IN (SELECT id FROM verification_batch WHERE alone AND token IS NULL AND attempts >= %s
               ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED) AND j.id = b.job_id
RETURNING b.id, b.token, b.job_id, b.account_id, j.sandbox, b.check_ids, b.alone
"""


async def claim_poison(own: Connection) -> list[tuple[Lease, list[tuple[int, str]]]]:
    found = []
    cursor = await own.execute(CLAIM_POISON, [PUT_ASIDE_ATTEMPTS])
    for row in await cursor.fetchall():
        lease = Lease(*row)
        checks = await own.execute("SELECT id, address FROM verification_check WHERE id = ANY(%s)", [lease.check_ids])
        found.append((lease, [(check_id, address) for check_id, address in await checks.fetchall()]))
    return found


def poisoned(text: str) -> Answer:
    address = syntax.parse(text)
    evidence = Evidence(our_fault="this row ended its worker three times and was put aside")
    return Answer(text, address.user, address.domain, judge(evidence), evidence=evidence)


def remove_orphan_files() -> None:
    """Delete uploads nobody started within a day, and files without a row."""
    old = Upload.objects.filter(job=None, created_at__lt=Now() - timedelta(hours=ORPHAN_HOURS))
    old.delete()
    unread = Upload.objects.filter(Q(job=None) | Q(job__is_reading=True) | Q(job__status=JobStatus.READY))
    known = {str(pk) for pk in unread.values_list("pk", flat=True)}
    for path in settings.UPLOADS.glob("*"):
        if path.stem not in known and time.time() - path.stat().st_mtime > ORPHAN_HOURS * 3600:
            path.unlink(missing_ok=True)
