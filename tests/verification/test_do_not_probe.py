"""Promise 22: who is on the list gets no connection, of jobs and single calls alike."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from django.test import Client
from django.urls import reverse
from psycopg import AsyncConnection
from pytest_django import Settings

from accounts.models import AuditEntry
from tests.asgi_server import serving
from tests.factories import make_key, make_staff
from tests.fixtures_mail_world import MailWorld
from tests.verification.factories import make_job
from verification.domain import do_not_probe, drain
from verification.domain.database import connection_kwargs
from verification.models import CheckResult, DoNotProbe

pytestmark = pytest.mark.django_db(transaction=True)
NOT_ASKED = "Unverifiable/None their_policy do_not_probe"


@pytest.fixture(autouse=True)
def world(settings: Settings, mail_world: MailWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.MAIL_WORLD = True
    settings.MAIL_WORLD_DNS = mail_world.dns
    settings.MAIL_WORLD_SMTP_PORT = mail_world.smtp_port
    settings.RUN_DIR = tmp_path
    monkeypatch.setattr(drain, "IDLE_SECONDS", 0.2)
    do_not_probe.forget()
    yield
    do_not_probe.forget()


def put(*names: str) -> None:
    for name in names:
        do_not_probe.store(row=DoNotProbe(name=name, reason="asked us by mail"), actor=make_staff())


def verdicts() -> dict[str, str]:
    return {
        one.check_row.address: f"{one.result}/{one.reason} {one.blame} {one.evidence.get('not_probed', '')}".strip()
        for one in CheckResult.objects.select_related("check_row")
    }


def connections(mail_world: MailWorld, domain: str) -> int:
    return sum(domain in event["detail"] for event in mail_world.heard() if event["event"] == "command")


def test_a_job_leaves_them_alone(mail_world: MailWorld) -> None:
    put("ok-41.test", "MX.OK-42.test.")
    make_job(["a@ok-41.test", "a@ok-42.test", "a@ok-43.test", "a@nxdomain.test"])
    asyncio.run(drain.drain_once())

    assert verdicts() == {
        "a@ok-41.test": NOT_ASKED,
        "a@ok-42.test": NOT_ASKED,
        "a@ok-43.test": "Ok/Success none",
        "a@nxdomain.test": "Bad/DomainIsInexistent address",
    }
    heard = [connections(mail_world, f"a@ok-{number}.test") for number in (41, 42, 43)]
    assert (heard[:2], heard[2] > 0) == ([0, 0], True)


def test_a_call_leaves_them_alone(mail_world: MailWorld) -> None:
    put("ok-44.test")
    _, secret = make_key()
    with serving() as url:
        for email in ("a@ok-44.test", "a@ok-45.test"):
            httpx.get(f"{url}/api/emh/a/v2?k={secret}&e={email}", timeout=30).raise_for_status()

    assert verdicts() == {"a@ok-44.test": NOT_ASKED, "a@ok-45.test": "Ok/Success none"}
    assert connections(mail_world, "a@ok-44.test") == 0


def test_the_list_is_looked_up_again_within_30_seconds() -> None:
    async def look() -> frozenset[str]:
        async with await AsyncConnection.connect(**connection_kwargs("drain"), autocommit=True) as own:
            return await do_not_probe.names(own)

    assert do_not_probe.FRESH_SECONDS <= 30
    assert asyncio.run(look()) == frozenset()
    put("a.example")
    assert asyncio.run(look()) == frozenset()
    do_not_probe._memory.until -= do_not_probe.FRESH_SECONDS  # the time goes by
    assert asyncio.run(look()) == {"a.example"}


@pytest.mark.parametrize(
    ("text", "name"), [("Example.COM.", "example.com"), (" bücher.example ", "xn--bcher-kva.example")]
)
def test_names_are_kept_as_the_dns_has_them(text: str, name: str) -> None:
    assert do_not_probe.read_name(text) == name


@pytest.mark.parametrize("text", ["", ".", "test", "-x-", "a b", "a@b.c", "[127.0.0.1]", "x" * 64])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(do_not_probe.NameUnfit):
        do_not_probe.read_name(text)


def test_no_name_without_a_reason() -> None:
    with pytest.raises(do_not_probe.ReasonMissing):
        do_not_probe.store(row=DoNotProbe(name="a.example", reason="  "), actor=make_staff())


def test_staff_keep_the_list(client: Client, settings: Settings) -> None:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
    client.force_login(make_staff())
    add = reverse("admin:verification_donotprobe_add")
    assert client.post(add, {"name": "a b", "reason": "x"}).status_code == 200
    assert client.post(add, {"name": "Example.com", "reason": ""}).status_code == 200
    assert client.post(add, {"name": "Example.com", "reason": "asked us"}).status_code == 302
    row = DoNotProbe.objects.get()
    assert (row.name, row.reason, row.added_by is not None) == ("example.com", "asked us", True)

    client.post(reverse("admin:verification_donotprobe_delete", args=[row.pk]), {"post": "yes"})
    assert not DoNotProbe.objects.exists()
    done = AuditEntry.objects.filter(action__startswith="do_not_probe").order_by("pk")
    assert list(done.values_list("action", "reason")) == [
        ("do_not_probe.set", "asked us"),
        ("do_not_probe.removed", ""),
    ]
