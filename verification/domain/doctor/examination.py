"""One examination of this machine: all checks, each on its own, written as rows."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.db.models.functions import Now

from verification.domain import bells, probe_state
from verification.domain.doctor import inside, outside
from verification.domain.doctor.found import MAX_TEXT, Found
from verification.domain.doctor.site import Site, our_addresses
from verification.domain.probing import engine_config
from verification.engine.resolver import Resolver
from verification.engine.senders.doors import Door
from verification.models import DoNotProbe, Finding, FindingState, Subject

logger = logging.getLogger(__name__)

TASK = "verification.tasks.examine"
PERIOD_SECONDS = 600.0
WORRIED_PERIOD_SECONDS = 120.0  # while mail servers are out of reach, or nobody can tell
CHECK_SECONDS = 60.0  # for one check
INSIDE: dict[Subject, Callable[[], Found]] = {
    Subject.CLOCK: inside.clock,
    Subject.QUEUE: inside.queue,
    Subject.DISK: inside.disk,
}


def examine() -> list[Found]:
    """Look at everything; a check that breaks down is unclear.  Takes up to a minute, most often a second."""
    found = [inside.database()]
    listed: list[str] = []
    if found[0].state is not FindingState.BROKEN:
        found += [_safely(subject, check) for subject, check in INSIDE.items()]
        listed = list(DoNotProbe.objects.order_by("-pk").values_list("name", flat=True))
    found += asyncio.run(look_outside(listed))
    return sorted(found, key=lambda one: list(Subject).index(one.subject))


async def look_outside(listed: Sequence[str]) -> list[Found]:
    """Make all checks that ask others, at once."""
    config = engine_config()
    resolver = Resolver(config)
    try:
        site = Site(config, resolver, *await our_addresses(config, resolver))
        checks: dict[Subject, Coroutine[Any, Any, Found]] = {
            Subject.RESOLVER: outside.name_servers(site),
            Subject.PORT_25: outside.port_25(site),
            Subject.NAME: outside.name_and_back(site),
            Subject.SPF: outside.spf_of_sender(site),
            Subject.BLOCKLISTS: outside.block_lists(site),
            Subject.IPV6: outside.ipv6(site),
            Subject.DO_NOT_PROBE: outside.do_not_probe(site, listed),
        }
        return list(await asyncio.gather(*(_bounded(subject, check) for subject, check in checks.items())))
    finally:
        await resolver.aclose()


async def _bounded(subject: Subject, check: Coroutine[Any, Any, Found]) -> Found:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check
    except TimeoutError:
        return _unclear(subject, f"no end within {CHECK_SECONDS:.0f} s")
    except Exception as error:  # one check must not hide the others
        logger.exception("the check of %s broke down", subject)
        return _unclear(subject, f"{type(error).__name__}: {error}")


def _safely(subject: Subject, check: Callable[[], Found]) -> Found:
    try:
        return check()
    except Exception as error:  # one check must not hide the others
        logger.exception("the check of %s broke down", subject)
        return _unclear(subject, f"{type(error).__name__}: {error}")


def _unclear(subject: Subject, why: str) -> Found:
    return Found(subject, FindingState.UNCLEAR, "The check itself.", f"It broke down: {why}.", "Look at the log.")


def store(found: Sequence[Found]) -> None:
    """Write what was found as this machine's rows, and have this process heed it at once."""
    before = Finding.objects.filter(machine=settings.MACHINE, subject=Subject.PORT_25).first()
    shut = frozenset(before.shut if before else ())
    Finding.objects.bulk_create(
        [_row(one, shut_after(one, shut)) for one in found],
        update_conflicts=True,
        unique_fields=["machine", "subject"],
        update_fields=["host", "state", "looked_at", "outcome", "advice", "shut", "checked_at"],
    )
    probe_state.forget()


def shut_after(one: Found, before: frozenset[str]) -> frozenset[str]:
    """Give the zones that are out of reach now; where nobody can tell, it stays as it was."""
    if one.subject is not Subject.PORT_25:
        return frozenset()
    if not one.doors:
        return before if one.state is FindingState.UNCLEAR else frozenset()
    closed = {zone for zone, door in one.doors.items() if door is Door.CLOSED}
    return before.intersection(zone for zone, door in one.doors.items() if door is Door.UNCLEAR) | closed


def _row(one: Found, shut: frozenset[str]) -> Finding:
    return Finding(
        machine=settings.MACHINE,
        host=socket.gethostname()[:255],
        subject=one.subject,
        state=one.state,
        looked_at=one.looked_at[:MAX_TEXT],
        outcome=one.outcome[:MAX_TEXT],
        advice=one.advice[:MAX_TEXT],
        shut=sorted(shut),
        checked_at=Now(),
    )


def is_due() -> bool:
    """Tell whether this machine was not examined for ten minutes, or two when port 25 is not open."""
    mine = Finding.objects.filter(machine=settings.MACHINE)
    last = mine.filter(subject=Subject.PORT_25).first()
    worried = last is None or last.state != FindingState.OK
    seconds = WORRIED_PERIOD_SECONDS if worried else PERIOD_SECONDS
    return not mine.filter(subject=Subject.PORT_25, checked_at__gt=Now() - timedelta(seconds=seconds)).exists()


def ask() -> None:
    """Have this machine examined soon, by its queue."""
    transaction.on_commit(partial(bells.put, TASK))


def report() -> QuerySet[Finding]:
    """Give what is known of all machines, in the order of the subjects."""
    places = [When(subject=subject, then=Value(place)) for place, subject in enumerate(Subject)]
    return Finding.objects.annotate(place=Case(*places, output_field=IntegerField())).order_by("host", "place")
