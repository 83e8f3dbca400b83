"""Pacing between real processes, counted at the mail world's log."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum
from django.db.models.functions import Now

from tests.fixtures_mail_world import MailWorld
from verification.models import Organisation, PacingGrant

pytestmark = pytest.mark.django_db(transaction=True)
SECONDS = 40


def ready(world: MailWorld, *kinds: str) -> list[subprocess.Popen[str]]:
    """Start processes that wait for their addresses."""
    url = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**connection.settings_dict)
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.verification.pacing_worker", kind, world.dns, str(world.smtp_port)],
            env=os.environ | {"DATABASE_URL": url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for kind in kinds
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    return processes


def feed(process: subprocess.Popen[str], addresses: list[str]) -> None:
    assert process.stdin
    process.stdin.write("\n".join(addresses))
    process.stdin.close()


def end(process: subprocess.Popen[str]) -> list[tuple[str, str, float]]:
    try:
        process.wait(SECONDS)
        assert process.stdout
        return [(result, blame, seconds) for result, blame, seconds in json.loads(process.stdout.read())]
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def connections_of(world: MailWorld, sender: str, *, since: int) -> list[dict[str, Any]]:  # Any: JSON
    """Give the events of the connections to the one address to which `sender`'s question for a recipient went."""
    events = world.heard()[since:]
    (address,) = {each["address"] for each in events if each["event"] == "command" and sender in each["detail"]}
    return [each for each in events if each["address"] == address]


def most_at_once(events: list[dict[str, Any]]) -> int:  # Any: JSON
    open_now = most = 0
    for event in events:
        open_now += {"open": 1, "close": -1}.get(event["event"], 0)
        most = max(most, open_now)
    return most


def wait_for_slots(count: int) -> None:
    until = time.monotonic() + SECONDS
    while (PacingGrant.objects.aggregate(all=Sum("slots"))["all"] or 0) < count:
        assert time.monotonic() < until
        time.sleep(0.05)


def people(domain: str, count: int, prefix: str) -> list[str]:
    return [f"{prefix}{number}@{domain}" for number in range(count)]


def test_two_processes_and_a_call_keep_to_the_cap_together(mail_world: MailWorld) -> None:
    domain, since = "slow-151.test", len(mail_world.heard())
    Organisation.objects.create(name=domain, slots=5)
    call, *jobs = ready(mail_world, "calls", "jobs", "jobs")
    for number, job in enumerate(jobs):
        feed(job, people(domain, 60, f"job{number}-"))
    wait_for_slots(4)
    feed(call, [f"call@{domain}"])

    ((result, _, seconds),) = end(call)
    assert (result, seconds < 5) == ("Ok", True)
    assert Counter(result for job in jobs for result, _, _ in end(job)) == {"Ok": 120}
    assert most_at_once(connections_of(mail_world, f"<job0-1@{domain}>", since=since)) == 5
    assert not PacingGrant.objects.exists()


def test_the_slots_of_a_killed_process_come_back(mail_world: MailWorld) -> None:
    domain = "slow-400.test"
    killed, heir = ready(mail_world, "jobs", "jobs")
    feed(killed, people(domain, 60, "killed"))
    wait_for_slots(1)
    killed.kill()
    killed.wait()
    assert killed.stdout
    killed.stdout.close()
    PacingGrant.objects.update(until=Now() + timedelta(seconds=3))  # 30 are long for a test
    feed(heir, [f"heir@{domain}"])

    ((result, _, seconds),) = end(heir)
    assert (result, seconds > 3) == ("Ok", True)


def test_a_backoff_is_everybodys(mail_world: MailWorld) -> None:
    domain, since = "blocked-greeting-4711.test", len(mail_world.heard())
    Organisation.objects.create(name=domain, refusals=2)
    call, job = ready(mail_world, "calls", "jobs")
    feed(job, [f"job@{domain}"])
    assert [each[:2] for each in end(job)] == [("RetryLater", "our_address")]
    row = Organisation.objects.get()
    assert (row.name, row.backoffs) == (domain, 1)
    assert row.backoff_until is not None

    feed(call, [f"call@{domain}"])
    ((result, blame, seconds),) = end(call)
    assert (result, blame, seconds < 2) == ("RetryLater", "our_address", True)
    assert sum(each["event"] == "open" for each in mail_world.heard()[since:]) == 1
