"""What a list would come to, before it is started: its quote, its options, its start, or its end."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from accounts.domain import quota
from accounts.domain.access import Permission
from accounts.domain.config import FeatureDisabled, config_of
from accounts.models import AccountConfig
from verification.domain import intake, job_features, jobs, list_quote, samples, saved_filters, starting
from verification.domain.list_quote import AGES, ListQuote
from verification.models import Job
from verification.web.access import AccountRequest, account_page, page
from verification.web.bring_views import NO_UPLOADS
from verification.web.forms import OptionsForm
from verification.web.shown import about
from verification.web.words import RESULTS, _

STOP_POLLING = 286  # htmx's own status code
AGE_WORDS = dict(zip(AGES, ("2 hours", "a day", "7 days", "30 days"), strict=True))
SUSPENDED = _("This account is suspended: no new lists can be checked.")
SWITCHED_OFF = {
    "uploads": NO_UPLOADS,
    "result_reuse": _("Earlier results are not used again in this account. Choose “Never”."),
    "greylistRetry": _("Addresses that are put off are not asked again in this account. Choose “Do not ask again”."),
}


def job_of(request: AccountRequest, job_id: UUID) -> Job:
    jobs_of_account = Job.objects.of(request.membership.account).annotate(saved=saved_filters.OF_ITS_ACCOUNT)
    return get_object_or_404(jobs_of_account.select_related("account", "upload", "created_by"), pk=job_id)


@require_safe
@account_page(Permission.VIEW)
def quote(request: AccountRequest, job_id: UUID) -> HttpResponseBase:
    """Give how far a list is counted, or its quote; a page that asks again and again is told when to stop."""
    found = job_of(request, job_id)
    if not found.waits_for_start:
        return led_to(request, found)
    status = 200 if found.is_reading else STOP_POLLING
    return page(request, "verification/quote_part.html", context_of(found, OptionsForm()), status=status)


@require_POST
@account_page(Permission.UPLOAD)
def start(request: AccountRequest, job_id: UUID) -> HttpResponseBase:
    """Start a list with its options; the second click changes nothing."""
    found = job_of(request, job_id)
    form = OptionsForm(request.POST)
    if found.waits_for_start and not (form.is_valid() and is_started(request, found, form)):
        return quote_page(request, found, form, status=422)
    return redirect("job", account=request.membership.account.slug, job_id=found.pk)


def is_started(request: AccountRequest, found: Job, form: OptionsForm) -> bool:
    """Start a list; False when that was refused, which the form tells."""
    try:
        starting.start(job=found, user=request.user, options=form.options)
    except quota.QuotaExceeded as refusal:
        needed, left = refusal.needed, refusal.left
        form.add_error(
            None,
            gettext("Not enough: %(needed)s needed, %(left)s left, %(missing)s missing.")
            % {"needed": f"{needed:,}", "left": f"{left:,}", "missing": f"{needed - left:,}"},
        )
    except FeatureDisabled as disabled:
        form.add_error(None, SWITCHED_OFF.get(disabled.feature, str(disabled)))
    except job_features.TooManyHours:
        most = config_of(found.account).greylist_hours
        form.add_error(
            "greylist_hours", gettext("This account asks again for at most %(most)s hours.") % {"most": most}
        )
    except intake.AccountInactive:
        form.add_error(None, SUSPENDED)
    except intake.TooManyRows as refusal:
        form.add_error(None, str(refusal))
    return not form.errors


@require_POST
@account_page(Permission.UPLOAD)
def take_sample(request: AccountRequest, job_id: UUID) -> HttpResponseBase:
    """Have a free sample of a list asked; the second click changes nothing."""
    found = job_of(request, job_id)
    try:
        samples.take(job=found)
    except samples.SampleRefused as refusal:
        messages.warning(request, str(refusal))
    except intake.AccountInactive:
        messages.warning(request, SUSPENDED)
    return redirect("job", account=request.membership.account.slug, job_id=found.pk)


@require_safe
@account_page(Permission.VIEW)
def sample(request: AccountRequest, job_id: UUID) -> HttpResponseBase:
    """Give what the sample of a list has found so far, and the figures that change with it."""
    found = job_of(request, job_id)
    if not found.waits_for_start or not found.sample_rows:
        return led_to(request, found)
    context = context_of(found, OptionsForm())
    status = 200 if context["sample"].is_asking else STOP_POLLING
    return page(request, "verification/quote_sample.html", context | {"fragment": True}, status=status)


def led_to(request: AccountRequest, found: Job) -> HttpResponse:
    """Lead a page that asks for its parts to what the list has become."""
    there = reverse("job", kwargs={"account": request.membership.account.slug, "job_id": found.pk})
    return HttpResponse(status=STOP_POLLING, headers={"HX-Redirect": there})


@require_POST
@account_page(Permission.UPLOAD)
def read_again(request: AccountRequest, job_id: UUID) -> HttpResponseBase:
    """Lead back to the page where another column, or another way to read the file, can be chosen."""
    account = request.membership.account
    try:
        found = starting.read_another_way(job=job_of(request, job_id), actor=request.user, now=timezone.now())
    except (jobs.WrongStatus, starting.FileGone):
        messages.warning(request, gettext("This list cannot be read another way any more. Upload it again if need be."))
        return redirect("job", account=account.slug, job_id=job_id)
    return redirect("upload", account=account.slug, upload_id=found.pk)


@require_POST
@account_page(Permission.UPLOAD)
def throw_away(request: AccountRequest, job_id: UUID) -> HttpResponseBase:
    """Delete a list that was not started."""
    found = job_of(request, job_id)
    try:
        starting.throw_away(job=found, actor=request.user)
    except jobs.WrongStatus:
        messages.warning(request, gettext("This list was started. It can be stopped here."))
        return redirect("job", account=request.membership.account.slug, job_id=found.pk)
    messages.success(request, gettext("The list is thrown away. Nothing was charged."))
    return redirect("lists", account=request.membership.account.slug)


def quote_page(request: AccountRequest, found: Job, form: OptionsForm | None = None, status: int = 200) -> HttpResponse:
    """Show a list that waits for its start."""
    return page(request, "verification/quote.html", context_of(found, form or OptionsForm()), status=status)


def context_of(found: Job, form: OptionsForm) -> dict[str, Any]:  # Any: template context
    config = config_of(found.account)
    context = {
        "section": "lists",
        "job": found,
        "form": form,
        "config": config,
        "can_read_again": found.upload is not None and found.upload.path.exists(),
        "thrown_away_at": list_quote.thrown_away_at(found, config),
    }
    if found.is_reading:
        return context
    quoted = list_quote.quote(job=found, config=config)
    sampled = samples.findings(job=found, malformed=quoted.malformed) if found.sample_rows else None
    context |= {"quote": quoted, "sample_size": samples.size(found), "sample": sampled}
    if sampled is not None and not sampled.is_asking:
        context["shares"] = [(RESULTS[part.result], part, between(part)) for part in sampled.parts]
    return context | options_of(form, config, quoted, found)


def between(part: samples.Part) -> str:
    """Say a share and its interval in per cent."""
    return f"{part.share:.0%} ({part.low * 100:.0f}–{part.high * 100:.0f} %)".replace("%", " %", 1)


def options_of(form: OptionsForm, config: AccountConfig, quoted: ListQuote, job: Job) -> dict[str, Any]:  # Any: context
    """Give what the account's config lets a list choose, and how long it takes with what is chosen."""
    age, hours = chosen(form, "max_age", job.max_age), chosen(form, "greylist_hours", config.greylist_hours)
    ages = [(number, f"Up to {AGE_WORDS[number]} old", count) for number, count in sorted(quoted.reusable.items())]
    return {
        "ages": [(*each, str(each[0]) == age) for each in [(0, "Never", None), *ages]] if ages else [],
        "hours": [(number, str(number) == hours) for number in hours_of(config)],
        "offers_catch_all": config.catch_all_probe and config.mailbox_probe,
        "catch_all": not form["asks_for_catch_all"].value() or form["catch_all"].value(),
        "duration": about(quoted.seconds(int(age) if age.isdecimal() and len(age) < 9 else 0)),
    }


def chosen(form: OptionsForm, name: str, usual: int) -> str:
    """Give what was sent for an option, as it was written, or the usual."""
    value = form[name].value()
    return str(usual if value in (None, "") else value)


def hours_of(config: AccountConfig) -> range:
    return range(config.greylist_hours, -1, -1) if config.greylist_retry else range(0)
