"""A list's page while verdicts come in: the first kinds, all kinds and a provider that holds it up, the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db.models.functions import Now
from playwright.sync_api import Page, expect

from verification.engine.types import Reason, Result
from verification.models import Batch, CheckResult, Job, JobStatus, Organisation, Tally


@contextmanager
def at_its_start(job: Job) -> Iterator[None]:
    """Have a list as it was before its first verdict; everything is put back at the end."""
    tallies = list(Tally.objects.filter(job=job))
    Tally.objects.filter(job=job).delete()
    Job.objects.filter(pk=job.pk).update(waiting=job.waiting + job.decided + job.undecided, decided=0, undecided=0)
    try:
        yield
    finally:
        Batch.objects.filter(job=job).delete()
        Organisation.objects.filter(name="bulk.test").delete()
        Tally.objects.filter(job=job).delete()
        Tally.objects.bulk_create(tallies)
        job.save()


def watch(page: Page, job: Job) -> None:
    """Let verdicts come in to a list at its start, and wait until the page shows each step."""
    tallies = list(CheckResult.objects.filter(job=job).values_list("result", "reason", "blame").distinct())
    waiting = job.waiting + job.decided + job.undecided
    kinds = [Tally(job=job, result=r, reason=n, blame=b, count=500, provider="Google") for r, n, b in tallies]
    for step, came in enumerate((kinds[:2], kinds[2:]), start=1):
        Tally.objects.bulk_create(came)
        if step == 2:
            hold_up(job)
        Job.objects.filter(pk=job.pk).update(decided=1_000 * step, waiting=waiting - 1_000 * step)
        expect(page.locator(".tiles dd").first).to_have_text(f"{1_000 * step:,}", timeout=60_000)
    expect(page.get_by_text("Waiting for bulk.test")).to_be_visible()
    Job.objects.filter(pk=job.pk).update(status=JobStatus.FINISHED, finished_at=Now(), decided=waiting, waiting=0)
    expect(page.locator("#job-actions").get_by_text("Delete", exact=True)).to_be_visible(timeout=60_000)
    page.wait_for_timeout(500)


def hold_up(job: Job) -> None:
    """Have a provider refuse us, and a row of the list wait for it."""
    Organisation.objects.create(name="bulk.test", backoff_until=Now() + timedelta(hours=1))
    result = CheckResult.objects.filter(job=job, reason=Reason.TRANSIENT_NETWORK_FAULT)[0]
    CheckResult.objects.filter(pk=result.pk).update(final=False, result=Result.RETRY_LATER)
    Batch.objects.create(job=job, account=job.account, check_ids=[result.pk], due_at=Now(), tries=1)
