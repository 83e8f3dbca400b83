"""Port 25 closed: said on every page and answer, never held against an address; DNS goes on deciding what it can."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from html import unescape
from io import StringIO
from pathlib import Path

import httpx
import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django_q.models import OrmQ
from pytest_django import Settings

from accounts.models import Account
from tests.asgi_server import serving
from tests.factories import make_account, make_key, make_member, make_staff, make_user, with_factor
from tests.fixtures_mail_world import MailWorld
from tests.verification.doctor.test_examination import CLOSED
from tests.verification.factories import make_job, owner_of
from verification.domain import doctor, drain, probe_state
from verification.domain.doctor import inside
from verification.models import CheckResult, Finding, Subject

pytestmark = pytest.mark.django_db(transaction=True)
BAR = "port 25 is closed"


@pytest.fixture(autouse=True)
def world(
    settings: Settings, mail_world: MailWorld, plain_files: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    settings.RUN_DIR = settings.PORTAL_DATA = tmp_path
    settings.MAIL_WORLD = True
    settings.MAIL_WORLD_DNS = mail_world.dns
    settings.MAIL_WORLD_SMTP_PORT = mail_world.smtp_port
    settings.RESOLVERS = [mail_world.dns]
    settings.RETRY_MINUTES = []
    settings.PORT_25_HOSTS = CLOSED
    monkeypatch.setattr(drain, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(inside, "LOOK_SECONDS", 0.05)  # for a cluster, of which there is none
    probe_state.forget()
    yield
    probe_state.forget()


def examine() -> None:
    doctor.store(doctor.examine())


ADDRESSES = {
    "jane@ok-66.test": "Unverifiable/Unknown our_network",
    "missing@ok-66.test": "Unverifiable/Unknown our_network",
    "a@webonly.test": "Unverifiable/Unknown our_network",
    "a@nxdomain.test": "Bad/DomainIsInexistent address",
    "a@nullmx.test": "Bad/NoMxServersFound address",
    "a@nomx.test": "Bad/NoMxServersFound address",
    "no address": "Bad/AtSignNotFound address",
}


def verdicts() -> dict[str, str]:
    rows = CheckResult.objects.select_related("check_row")
    return {one.check_row.address: f"{one.result}/{one.reason} {one.blame}" for one in rows}


def test_a_job_answers_what_dns_alone_can_tell_and_charges_no_more(mail_world: MailWorld) -> None:
    examine()
    account = make_account(monthly_quota=100)
    make_job(list(ADDRESSES), account=account)
    asyncio.run(drain.drain_once())
    assert verdicts() == ADDRESSES
    period = account.quota_periods.get()
    assert (period.used, period.reserved) == (3, 0)  # those that DNS decided; what is no address costs nothing
    assert not any("@ok-66.test" in event["detail"] for event in mail_world.heard() if event["event"] == "command")


def test_a_call_says_so_and_costs_nothing() -> None:
    examine()
    _, secret = make_key()
    with serving() as url:
        shut = httpx.get(f"{url}/api/emh/a/v2?k={secret}&e=missing@ok-63.test", timeout=30)
        gone = httpx.get(f"{url}/api/emh/a/v2?k={secret}&e=a@nxdomain.test", timeout=30)
        native = httpx.post(
            f"{url}/api/v1/verify",
            json={"email": "a@ok-63.test"},
            headers={"Authorization": f"Bearer {secret}"},
            timeout=30,
        )
        quota = httpx.get(f"{url}/api/v1/quota", headers={"Authorization": f"Bearer {secret}"}, timeout=30)
    answers = (shut, gone, native, quota)
    assert [answer.headers.get("X-Probe-State") for answer in answers] == ["dns-only"] * 4
    assert [answer.json()["result"] for answer in answers[:3]] == ["Unverifiable", "Bad", "Unverifiable"]
    assert native.json()["blame"] == "our_network"
    assert shut.headers["X-Quota-Remaining"] == "1000"


def test_nothing_is_said_while_mail_servers_are_reached(settings: Settings, client: Client) -> None:
    settings.PORT_25_HOSTS = ["mx.ok.test", "mx.plain.test"]
    examine()
    account = make_account()
    _, secret = make_key(account)
    client.force_login(owner_of(account))
    assert BAR not in client.get(reverse("lists", args=[account.slug])).text
    with serving() as url:
        answer = httpx.get(f"{url}/api/emh/a/v2?k={secret}&e=missing@ok-64.test", timeout=30)
    assert (answer.json()["result"], answer.headers.get("X-Probe-State")) == ("Bad", None)


def test_it_is_over_when_a_host_is_reached_again(settings: Settings) -> None:
    examine()
    settings.PORT_25_HOSTS = ["mx.ok.test", "mx.plain.test"]
    examine()
    make_job(["jane@ok.test"])
    asyncio.run(drain.drain_once())
    assert verdicts() == {"jane@ok.test": "Ok/Success none"}


def test_hosts_that_cannot_be_judged_close_nothing(settings: Settings) -> None:
    settings.PORT_25_HOSTS = [*CLOSED, "mx.servfail.test"]
    examine()
    make_job(["jane@ok.test"])
    asyncio.run(drain.drain_once())
    assert verdicts() == {"jane@ok.test": "Ok/Success none"}


@pytest.fixture
def account() -> Account:
    return make_account()


def test_customers_read_it_on_every_page(client: Client, account: Account) -> None:
    examine()
    for person in (owner_of(account), make_member(account)):
        client.force_login(person)
        for page in (reverse("lists", args=[account.slug]), reverse("features", args=[account.slug]), reverse("you")):
            assert BAR in client.get(page).text


def test_nobody_who_is_not_signed_in_reads_it(client: Client) -> None:
    examine()
    assert BAR not in client.get(reverse("account_login")).text


def test_staff_read_it_and_the_report(client: Client) -> None:
    examine()
    client.force_login(make_staff())
    assert "Port 25 is closed" in client.get(reverse("admin:index")).text
    report = unescape(client.get(reverse("admin:verification_finding_changelist")).text)
    assert all(str(subject.label) in report for subject in Subject)
    assert "Ask your provider to open port 25 outwards." in report


def test_staff_have_it_looked_at_again(client: Client) -> None:
    client.force_login(make_staff())
    assert client.get(reverse("admin:examine")).status_code == 405
    assert client.post(reverse("admin:examine")).status_code == 302
    assert OrmQ.objects.count() == 1


def test_staff_without_the_right_do_not(client: Client) -> None:
    client.force_login(with_factor(make_user(is_staff=True)))
    assert client.post(reverse("admin:examine")).status_code == 403
    assert client.get(reverse("admin:verification_finding_changelist")).status_code == 403


def doctor_command(*options: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("doctor", *options, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_the_command_prints_a_table_and_ends_with_1_when_something_is_broken() -> None:
    status, table = doctor_command()
    assert status == 1
    assert [line[:8].strip() for line in table.splitlines() if "Port 25" in line and line[0] != " "] == ["broken"]
    assert Finding.objects.count() == len(Subject)


def test_the_command_speaks_json() -> None:
    rows = json.loads(doctor_command("--json")[1])
    assert [row["check"] for row in rows] == [subject.value for subject in Subject]
    assert list(rows[0]) == ["check", "state", "lookedAt", "outcome", "advice"]


def test_the_command_ends_with_0_when_nothing_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [one for one in doctor.examine() if one.state != "broken"]
    monkeypatch.setattr(doctor, "examine", lambda: found)
    assert doctor_command()[0] == 0
