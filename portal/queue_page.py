"""The staff's page of the queue: each sign of its health, and what to do when it is bad."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from portal.start_page import duration
from verification.domain import organisations, overview, queue_health
from verification.domain.queue_health import Health
from verification.models import Organisation


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign of health: what it is now, whether that is bad, and what to do then."""

    name: str
    now: str
    is_bad: bool
    advice: str


@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    """Show how the work goes."""
    if not request.user.has_perm("verification.view_batch"):
        raise PermissionDenied
    health = queue_health.look()
    context = admin.site.each_context(request) | {
        "title": "Queue",
        "health": health,
        "signs": signs(health),
        "stuck": overview.stuck_jobs() if request.user.has_perm("verification.view_job") else None,
        "may_release": request.user.has_perm("verification.change_organisation"),
        "may_see_failures": request.user.has_perm("django_q.view_failure"),
    }
    return TemplateResponse(request, "admin/queue.html", context)


@require_POST
def release(request: HttpRequest) -> HttpResponseRedirect:
    """End an organisation's backoff, and go back to the queue's page."""
    if not request.user.has_perm("verification.change_organisation"):
        raise PermissionDenied
    assert isinstance(request.user, User)
    name = request.POST.get("name", "")
    organisation = get_object_or_404(Organisation, pk=name if "\0" not in name else "")
    organisations.release(organisation=organisation, actor=request.user)
    messages.success(request, f"{organisation} is asked again.")
    return redirect("admin:queue")


def signs(health: Health) -> list[Sign]:
    """Put the health into words, in the order in which to look."""
    return [*_work(health), *_machinery(health)]


def _work(health: Health) -> list[Sign]:
    age = duration(health.age.oldest_seconds)
    return [
        Sign(
            "Work due",
            f"{health.age.batches:,} batches, the oldest for {age}" if health.age.batches else "nothing waits",
            health.stands_still,
            "Some of it is normal under load. When it is old and nobody holds a lease, the supervisor starts the queue "
            "again after 30 s; if that does not help, look at the log for “work stands still”.",
        ),
        Sign(
            "Leases",
            f"{health.batches.leased:,} batches are worked on",
            health.stands_still,
            "None although work is due: no worker claims. Look at the workers below.",
        ),
        Sign(
            "Leases that ran out",
            f"{health.batches.lapsed:,}",
            bool(health.batches.lapsed) and not health.is_alive("sweeper"),
            "Their worker died or was cut off. The sweeper frees them within a second or two; if they stay, it is not "
            "running.",
        ),
        Sign(
            "Suspected batches",
            f"{health.batches.suspects:,}",
            False,
            "Their worker died on them. They are split and worked on alone; an address that kills three times is put "
            "aside by itself. Many at once: look at the workers' memory (WORKER_MEMORY_MB).",
        ),
        Sign(
            "Later tries",
            f"{health.batches.later:,} batches"
            + (f", the next at {health.batches.next_at:%Y-%m-%d %H:%M} UTC" if health.batches.later else ""),
            False,
            "Greylisted and transient rows. To have them tried at once: Jobs, action “Requeue”.",
        ),
        Sign(
            "Lists nobody reads",
            f"{health.unread.number:,}"
            + (f", the oldest from {health.unread.since:%Y-%m-%d %H:%M} UTC" if health.unread.number else ""),
            bool(health.unread.number) and health.workers == 0,
            "A list is read on the machine that took it; is that one up? After an hour it is given up and its quota "
            "returned.",
        ),
    ]


def _machinery(health: Health) -> list[Sign]:
    hosts = len(health.clusters or [])
    sweeper = health.is_alive("sweeper")
    asked = health.connections
    return [
        Sign(
            "Workers",
            "not known" if health.workers is None else f"{health.workers} on {hosts} machine{'s' * (hosts != 1)}",
            not health.workers,
            "None has told of itself for 3 s: is ./run (or its service) up on each machine? Not known: the broker "
            "(Q_BROKER) is away.",
        ),
        Sign(
            "Sweeper",
            "alive" if sweeper else "not seen",
            not sweeper,
            "Frees leases, finds lost bells, sums up usage. When it dies it is started again, as long as ./run lives.",
        ),
        Sign(
            "Connections to mail hosts",
            f"{asked.slots:,} to {asked.organisations:,} organisations, by {asked.processes:,} processes",
            False,
            "As many as the mail hosts' answers allow; see docs/pacing.md.",
        ),
        Sign(
            "Organisations held",
            f"{health.held:,}",
            False,
            "They refused us, or staff paused them; their addresses wait. Find out why before you release one: asked "
            "too early it holds us longer.",
        ),
        Sign(
            "Failed tasks",
            f"{health.failed:,}" + (" or more" if health.failed >= queue_health.COUNTED_FAILURES else ""),
            bool(health.failed),
            "No work is lost by it: rows are tried again. Read the cause below, mend it, then delete the entry.",
        ),
    ]
