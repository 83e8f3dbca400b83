"""Work in a process of its own that is meant to die, on the test's database.

A fork server has Django loaded once; each victim is a fork of it and takes some hundredths of a second to start.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()  # does nothing the second time; in the fork server it is the first

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts.models import Account, LicenseKey  # noqa: E402
from verification.api.live_desks import Desks  # noqa: E402
from verification.domain import (  # noqa: E402
    claims,
    drain,
    erasing,
    erasures,
    guards,
    intake,
    live,
    prepared,
    retention,
    sweeper,
)
from verification.engine import Answer, Engine, scenarios  # noqa: E402

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["tests.chaos.victims"])


@dataclass(frozen=True)
class Circumstances:
    """What a victim finds: the test's database, a run folder, settings and shorter times."""

    database: str
    run_dir: Path
    settings: dict[str, Any] = field(default_factory=dict)  # Any: settings
    lease_seconds: float = 20
    stuck_seconds: float = guards.STUCK_SECONDS
    piece_rows: int = intake.PIECE_ROWS


def run(task: Callable[..., object], circumstances: Circumstances, *arguments: object, seconds: float = 30) -> int:
    """Let a victim do a task; gives its exit code, negative for the signal that ended it."""
    process = start(task, circumstances, *arguments)
    process.join(seconds)
    assert process.exitcode is not None, "the victim neither died nor ended"
    return process.exitcode


def start(
    task: Callable[..., object], circumstances: Circumstances, *arguments: object
) -> multiprocessing.context.ForkServerProcess:
    """Let a victim begin a task."""
    process = context.Process(target=enter, args=(circumstances, task, *arguments), daemon=True)
    process.start()
    return process


def enter(circumstances: Circumstances, task: Callable[..., object], *arguments: object) -> None:
    connection.settings_dict["NAME"] = circumstances.database
    settings.RUN_DIR = circumstances.run_dir
    for name, value in circumstances.settings.items():
        setattr(settings, name, value)
    claims.LEASE_SECONDS, claims.RENEW_SECONDS = circumstances.lease_seconds, circumstances.lease_seconds / 4
    guards.STUCK_SECONDS, guards.BEAT_SECONDS = circumstances.stuck_seconds, circumstances.stuck_seconds / 10
    intake.FIRST_PIECE_ROWS = intake.PIECE_ROWS = circumstances.piece_rows
    drain.IDLE_SECONDS, drain.FLUSH_SECONDS, drain.GATHER_SECONDS = 0.02, 0.02, 0
    task(*arguments)


# -- tasks


def drain_from_table() -> None:
    """Drain with the table of scenarios in place of the network."""
    vars(drain)["Engine"] = Table  # this process is ours alone
    drain.run_drain()


def drain_with_jumping_clock(seconds: float) -> None:
    """Drain while the wall clock jumps to and fro, and another thread frees what has expired."""
    told = time.time

    def jumping() -> float:
        return told() + seconds * (int(told() * 10) % 2)

    def free_the_expired() -> None:
        while not done.wait(0.01):
            sweeper.expire_leases()
        connection.close()

    done = threading.Event()
    beside = threading.Thread(target=free_the_expired)
    beside.start()
    time.time, time.time_ns = jumping, lambda: int(jumping() * 1e9)
    drain_from_table()
    done.set()
    beside.join()


class Table(Engine):
    """Answers at once, or a moment later for local parts that begin with slow."""

    def __init__(self, config: object, **_: object) -> None:
        pass

    async def verify(self, address: str, **_: object) -> Answer:
        await asyncio.sleep(0.1 if address.startswith("slow") else 0)
        return scenarios.answer(address)

    def remember_catch_all(self, *_: object) -> None:
        pass

    async def aclose(self) -> None:
        pass


def drain_and_stop() -> None:
    """Drain, and hear the stop flag while some are open."""

    class Stopped(drain.Drain):
        def stop_asked(self) -> bool:
            return bool(self.holds)

    vars(drain)["Drain"] = Stopped
    drain_from_table()


def accept(account_id: int, key_id: int, addresses: list[str]) -> None:
    """Take a request."""
    recipients = [intake.Recipient(0, index, address) for index, address in enumerate(addresses)]
    intake.accept_recipients(
        account=Account.objects.get(pk=account_id),
        key=LicenseKey.objects.get(pk=key_id),
        recipients=recipients,
        now=timezone.now(),
    )


def read_list(job_id: str) -> None:
    intake.read_list(job_id=job_id)


def check_live(secret: str) -> None:
    """Answer one live call."""

    async def call() -> None:
        desks = Desks()
        desk = replace(await desks.desk(), engine=Table(None))
        await live.check_one(desk, live.LiveRequest(secret=secret, email="jane@ok.test"))
        await desks.aclose()

    asyncio.run(call())


def sweep() -> None:
    sweeper.Sweeper().sweep()


def prepare_exports() -> None:
    prepared.prepare_due()


def delete_in_blocks_of_10() -> None:
    retention.BLOCK_ROWS = 10
    while retention.delete_block():
        pass


def erase_in_blocks_of_10() -> None:
    erasing.BLOCK_ROWS = 10
    for _ in erasures.proceed():
        pass
