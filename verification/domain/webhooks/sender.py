"""Sends what is due: one event loop, many endpoints at once, a slow or dead one beside the others."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db import Error, close_old_connections, connection, transaction
from psycopg import Error as DriverError

from accounts.models import Account
from verification.domain import feed
from verification.domain.probing import engine_config
from verification.domain.sealing import Unreadable, unseal
from verification.domain.webhooks import deliveries, endpoints
from verification.domain.webhooks.deliveries import Claimed
from verification.domain.webhooks.signing import headers_of
from verification.domain.webhooks.targets import Vetting
from verification.domain.webhooks.transport import Outcome, Transport

T = TypeVar("T")

IN_FLIGHT = 200
LOOK_SECONDS = 0.5  # between two looks for news and for what is due
END_SECONDS = 10.0  # between two looks for jobs that ended
AWAY_SECONDS = 2.0  # after a look that found no database
logger = logging.getLogger(__name__)


class Sender:
    """Runs until it is told to stop; then lets what is under way come to its end (15 s at most)."""

    def __init__(self, transport: Transport | None = None) -> None:
        self._transport = transport or Transport(Vetting(engine_config()))
        self._database = ThreadPoolExecutor(1, "database")  # Django's connection belongs to a thread
        self._under_way: set[asyncio.Task[None]] = set()
        self._token = deliveries.new_token()
        self._looked_for_ends = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        try:
            while not stop.is_set():
                pause = await self.round()
                await wait_for(stop, pause)
            if self._under_way:
                await asyncio.wait(self._under_way)
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        await self._transport.aclose()
        self._database.submit(lambda: connection.close())  # of its own thread
        self._database.shutdown()

    async def round(self) -> float:
        """Look once and begin what is due; gives the seconds until the next look."""
        try:
            claimed = await self._ask(self._look)
        except (Error, DriverError):
            logger.warning("no look for webhooks, next try in %.0f s", AWAY_SECONDS, exc_info=True)
            return AWAY_SECONDS
        for delivery, body in claimed:
            task = asyncio.create_task(self._send(delivery, body))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return LOOK_SECONDS

    async def settled(self) -> None:
        """Wait for what is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    def _look(self) -> list[tuple[Claimed, bytes | None]]:
        deliveries.make()
        if time.monotonic() - self._looked_for_ends > END_SECONDS:
            deliveries.end_of_jobs()
            deliveries.forget_tests()
            self._looked_for_ends = time.monotonic()
        room = IN_FLIGHT - len(self._under_way)
        claimed = deliveries.claim(token=self._token, most=room) if room > 0 else []
        try:
            return [(delivery, body_of(delivery)) for delivery in claimed]
        except Exception:
            deliveries.release(token=self._token, ids=[delivery.id for delivery in claimed])
            raise

    async def _send(self, delivery: Claimed, body: bytes | None) -> None:
        outcome = await self._try(delivery, body)
        try:
            disabled = await self._ask(lambda: self._note(delivery, outcome))
        except (Error, DriverError):
            logger.warning("the outcome of a webhook is lost; it is sent again", exc_info=True)
            return
        if disabled is not None:
            logger.info("webhook endpoint %s is disabled", disabled)

    async def _try(self, delivery: Claimed, body: bytes | None) -> Outcome:
        if body is None:
            return Outcome(204, "Nothing is left to tell.")
        try:
            own_secrets = [unseal(sealed) for sealed in delivery.sealed_secrets]
            more = json.loads(unseal(delivery.sealed_headers)) if delivery.sealed_headers else {}
        except Unreadable:
            return Outcome(0, "Its secret was sealed under another SECRET_KEY; make a new one.")
        signed = headers_of(delivery.message_id, int(time.time()), body, own_secrets)
        headers = {"content-type": "application/json", "user-agent": "Candour-Webhooks/1", **more, **signed}
        return await self._transport.post(delivery.url, body, headers)

    @transaction.atomic
    def _note(self, delivery: Claimed, outcome: Outcome) -> UUID | None:
        disabled = deliveries.note(delivery=delivery, token=self._token, outcome=outcome)
        if disabled is not None:
            endpoints.tell_disabled(endpoint_id=disabled)
        return disabled

    async def _ask(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._database, with_fresh_connection, work)


def with_fresh_connection(work: Callable[[], T]) -> T:
    close_old_connections()
    try:
        return work()
    except (Error, DriverError):
        connection.close()
        raise


def body_of(delivery: Claimed) -> bytes | None:
    """Make the body of a delivery; None when nothing is left of what it was to tell."""
    if delivery.slice is None:
        return as_json(endpoints.test_message(Account.objects.get(pk=delivery.account_id), now=datetime.now(UTC)))
    found: Sequence[dict[str, Any]] = feed.messages([delivery.slice])  # Any: JSON
    return as_json(found[0]) if found else None


def as_json(message: dict[str, Any]) -> bytes:  # Any: JSON
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


async def wait_for(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
