"""Lists: all of them."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpResponseBase
from django.views.decorators.http import require_safe

from accounts.domain import quota
from accounts.domain.access import Permission
from verification.domain import brought, job_pages
from verification.engine.types import Result
from verification.models import Job
from verification.web.access import AccountRequest, account_page, page

JOBS_PER_PAGE = 25


@require_safe
@account_page(Permission.VIEW)
def all_lists(request: AccountRequest) -> HttpResponseBase:
    """Show the account's jobs, newest first."""
    account = request.membership.account
    jobs = Job.objects.of(account).newest_first().select_related("created_by", "upload")
    some = Paginator(jobs, JOBS_PER_PAGE).get_page(request.GET.get("page"))
    counts = job_pages.results_of_jobs(jobs=list(some))
    shown = [(job, {result.name.lower(): counts[job.pk][result] for result in Result}) for job in some]
    context = {
        "section": "lists",
        "jobs": shown,
        "page": some,
        "left": quota.left(account_id=account.pk),
        "files_wait": brought.count_waiting(account),
    }
    return page(request, "verification/lists.html", context)
