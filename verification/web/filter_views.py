"""Saved filters of an account: kept and removed from the page of a list, where they are used."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from accounts.domain.access import Permission
from verification.domain import saved_filters
from verification.models import SavedFilter
from verification.web.access import AccountRequest, account_page
from verification.web.quote_views import job_of
from verification.web.row_choice import Choice, choice_of


@require_POST
@account_page(Permission.MANAGE_JOBS)
def save_filter(request: AccountRequest, job_id: UUID) -> HttpResponseBase:
    """Keep what the page shows under a name; the same name again changes what it stands for."""
    job_of(request, job_id)
    choice = choice_of(request.POST)
    account, name = request.membership.account, request.POST.get("name", "")[:200]
    try:
        row, is_new = saved_filters.save(account=account, name=name, chosen=choice.chosen, actor=request.user)
    except saved_filters.NotSaved as refusal:
        messages.warning(request, str(refusal))
    else:
        words = gettext("The filter %(name)s is saved.") if is_new else gettext("The filter %(name)s is changed.")
        messages.success(request, words % {"name": row.name})
    return back(request, job_id, choice)


@require_POST
@account_page(Permission.MANAGE_JOBS)
def remove_filter(request: AccountRequest, job_id: UUID, filter_id: int) -> HttpResponseBase:
    """Forget a filter; the rows on the page stay."""
    job_of(request, job_id)
    row = get_object_or_404(SavedFilter.objects.filter(account=request.membership.account), pk=filter_id)
    saved_filters.remove(row=row, actor=request.user)
    messages.success(request, gettext("The filter %(name)s is removed.") % {"name": row.name})
    return back(request, job_id, choice_of(request.POST))


def back(request: AccountRequest, job_id: UUID, choice: Choice) -> HttpResponseBase:
    here = reverse("job", kwargs={"account": request.membership.account.slug, "job_id": job_id})
    return redirect(f"{here}?{choice.query}#rows")
