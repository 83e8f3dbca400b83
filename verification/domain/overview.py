"""What staff see at a glance of accounts, from small tables and never from results."""

from __future__ import annotations

from django.db.models import Count, OuterRef, QuerySet, Subquery

from accounts.models import Account
from verification.models import Job, JobStatus

UNENDED = [JobStatus.PARSING, JobStatus.RUNNING]


def with_jobs(accounts: QuerySet[Account]) -> QuerySet[Account]:
    """Add when an account's newest job came, and how many are unended."""
    jobs = Job.objects.filter(account=OuterRef("pk"))
    unended = jobs.filter(status__in=UNENDED).order_by().values("account").annotate(number=Count("pk"))
    return accounts.annotate(
        last_job_at=Subquery(jobs.order_by("-created_at").values("created_at")[:1]),
        jobs_running=Subquery(unended.values("number")[:1]),
    )
