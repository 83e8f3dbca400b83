"""Jobs and uploads for tests, made the way the product makes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from django.db.models import F
from django.db.models.functions import Now

from accounts.models import Account, LicenseKey, Role, User
from tests.factories import make_account, make_key
from verification.domain import intake, sending, uploads
from verification.domain.row_filter import Chosen
from verification.engine.senders.proof import PREFIX
from verification.engine.types import Blame, Reason, Result
from verification.mailworld.records import KEY, PROOF
from verification.models import (
    Check,
    CheckResult,
    Job,
    JobStatus,
    LastCheck,
    PreparedFile,
    PreparedState,
    SendingDomain,
    Tally,
    Upload,
)

NOW = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=3)  # within all retention


def make_job(
    emails: Sequence[str],
    *,
    account: Account | None = None,
    key: LicenseKey | None = None,
    sender: sending.Sender | None = None,
) -> Job:
    """Hand in a request with one recipient block."""
    account = account or (key.account if key else make_account())
    key = key or make_key(account)[0]
    recipients = [intake.Recipient(0, index, email) for index, email in enumerate(emails)]
    return intake.accept_recipients(account=account, key=key, recipients=recipients, now=NOW, sender=sender).job


def make_upload(
    content: str | bytes = "name,email\nJane,jane@ok.test\nJoe,joe@ok.test\n",
    *,
    account: Account | None = None,
    filename: str = "customers.csv",
    form: UUID | None = None,
) -> Upload:
    """Bring a list file, as a member would."""
    account = account or make_account()
    chunks = [content.encode() if isinstance(content, str) else content]
    user = owner_of(account)
    return uploads.receive(account=account, user=user, chunks=chunks, filename=filename, now=NOW, form=form)


def make_list(content: str | bytes = "email\njane@ok.test\n", *, account: Account | None = None) -> Job:
    """Bring a list, start it, and make its rows checks."""
    upload = make_upload(content, account=account)
    job = intake.start_list(upload=upload, address_column=upload.address_column, user=owner_of(upload.account), now=NOW)
    intake.read_list(job_id=job.pk)
    job.refresh_from_db()
    return job


def owner_of(account: Account) -> User:
    return account.memberships.select_related("user").get(role=Role.OWNER).user


def give_verdict(
    check: Check,
    result: Result = Result.OK,
    reason: Reason = Reason.SUCCESS,
    blame: Blame = Blame.NONE,
    *,
    final: bool = True,
    evidence: dict[str, object] | None = None,
    normalized: str = "",
    did_you_mean: str = "",
) -> CheckResult:
    """Write a verdict with its tally and its place in the job's counters."""
    verdict = CheckResult.objects.create(
        check_row=check,
        account_id=check.account_id,
        job=check.job,
        result=result,
        reason=reason,
        blame=blame,
        mail_server_location="DE",
        normalized=normalized,
        did_you_mean=did_you_mean,
        evidence=evidence or {},
        final=final,
        checked_at=NOW,
    )
    if check.job is not None and final:
        counter = "decided" if result in (Result.OK, Result.BAD) else "undecided"
        Job.objects.filter(pk=check.job.pk).update(**{"waiting": F("waiting") - 1, counter: F(counter) + 1})
        tally, _ = Tally.objects.get_or_create(
            job=check.job,
            result=result,
            reason=reason,
            blame=blame,
            provider=(evidence or {}).get("provider", ""),
            defaults={"count": 0},
        )
        Tally.objects.filter(pk=tally.pk).update(count=F("count") + 1)
    return verdict


def make_domain(
    domain: str = "good-sender.test", *, account: Account | None = None, **checks: LastCheck | str
) -> SendingDomain:
    """Register a domain that the mail world knows the token and key of; `checks`: outcomes by kind."""
    account = account or make_account()
    row = sending.register(account=account, domain=domain, actor=owner_of(account))
    row.token, row.public_key = PROOF.removeprefix(PREFIX), KEY
    row.save(update_fields=["token", "public_key"])
    for kind, outcome in checks.items():
        row.checks.filter(kind=kind).update(last_check=outcome, checked_at=NOW, cause="by hand")
    return row


def make_file(job: Job, text: str = "") -> PreparedFile:
    """Say that a download was prepared, on another machine."""
    return PreparedFile.objects.create(
        account=job.account,
        job=job,
        kind="xlsx",
        choice=Chosen(text=text).as_dict(),
        machine="elsewhere",
        state=PreparedState.READY,
        token=uuid4(),
        size=1,
        ready_at=Now(),
    )


def finish(job: Job) -> Job:
    """End a job: every row taken is found good."""
    for check in job.checks.taken().filter(verdict=None):
        give_verdict(check)
    Job.objects.filter(pk=job.pk).update(status=JobStatus.FINISHED, finished_at=NOW)
    job.refresh_from_db()
    return job


def hold_list(content: str | bytes = "email\njane@ok.test\n", *, account: Account | None = None) -> Job:
    """Bring a list and have its rows counted: it waits to be started."""
    upload = make_upload(content, account=account)
    column, user = upload.address_column, owner_of(upload.account)
    job = intake.start_list(upload=upload, address_column=column, user=user, now=NOW, hold=True)
    intake.read_list(job_id=job.pk)
    job.refresh_from_db()
    return job
