"""Sending to receivers and name servers that mean no good, and a sender that is killed in the middle of it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest
from django.db import connection
from django.db.models.functions import Now

from tests.engine.fake_dns import FakeDns, records
from tests.engine.hostile.targets import in_turn
from tests.factories import make_account
from tests.verification.webhooks.receiver import OK, receiving, until
from tests.verification.webhooks.test_sender import work_off
from verification.domain.webhooks import endpoints, transport
from verification.domain.webhooks.targets import Vetting
from verification.domain.webhooks.transport import Outcome, Transport
from verification.engine.config import EngineConfig
from verification.models import DeliveryState, WebhookDelivery

INSIDE = "Its address is not on the internet."


async def post(url: str, *servers: FakeDns) -> Outcome:
    """Post once, with nothing remembered of names."""
    own = Transport(Vetting(EngineConfig(resolvers=tuple(server.address for server in servers))))
    try:
        return await own.post(url, b"{}", {})
    finally:
        await own.aclose()


def test_the_connection_goes_to_the_vetted_address_and_not_where_the_name_leads_later() -> None:
    async def go(port: int) -> tuple[list[Outcome], list[str]]:
        zone = {("hook.rebinds.test", "A"): in_turn("127.0.0.1", "10.0.0.1")}
        async with FakeDns(zone) as server:
            outcomes = [await post(f"http://hook.rebinds.test:{port}/x", server)]
            asked = server.asked("hook.rebinds.test")
            return [*outcomes, await post(f"http://hook.rebinds.test:{port}/x", server)], asked

    with receiving() as receiver:
        (reached, refused), asked = asyncio.run(go(receiver.port))
        assert (reached.status, refused.status, refused.error) == (200, 0, INSIDE)
        assert asked == ["A", "AAAA"]  # and nobody asked a second time
        assert [sent.headers["host"] for sent in receiver.got] == [f"hook.rebinds.test:{receiver.port}"]


def test_one_address_inside_condemns_the_name() -> None:
    async def go(port: int) -> Outcome:
        zone = {
            ("hook.both.test", "A"): records("A", "127.0.0.1"),
            ("hook.both.test", "AAAA"): records("AAAA", "fd00::1"),
        }
        async with FakeDns(zone) as server:
            return await post(f"http://hook.both.test:{port}/", server)

    with receiving() as receiver:
        outcome = asyncio.run(go(receiver.port))
        assert (outcome.error, receiver.connections) == (INSIDE, 0)


def test_an_answer_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "SECONDS", 1.0)
    with receiving() as receiver:
        receiver.answers, receiver.endless = [b"HTTP/1.1 200 OK\r\n"], b"X-And: so on\r\n"
        receiver.drip_seconds = 0.1  # each read has its answer in time
        outcome = asyncio.run(asyncio.wait_for(post(receiver.url), 30))
        assert (outcome.status, outcome.error) == (0, "No answer within 1 s.")


@pytest.mark.django_db(transaction=True)
def test_what_a_killed_sender_had_begun_is_sent_by_the_next_under_the_same_id() -> None:
    with receiving() as receiver:
        receiver.answers = [b"", OK]
        endpoint, _ = endpoints.create(account=make_account(), url=receiver.url, actor=None)
        endpoints.send_test(endpoint=endpoint)
        url = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**connection.settings_dict)
        sender = subprocess.Popen([sys.executable, "manage.py", "webhooks"], env=os.environ | {"DATABASE_URL": url})
        try:
            until(lambda: receiver.got)
        finally:
            sender.kill()
            sender.wait()
        work_off()
        assert len(receiver.got) == 1  # its lease holds
        assert WebhookDelivery.objects.filter(lease_until__gt=Now()).update(lease_until=Now()) == 1
        work_off()
        first, second = (sent.headers["webhook-id"] for sent in receiver.got)
        assert first == second
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.tries) == (DeliveryState.DELIVERED, 1)
