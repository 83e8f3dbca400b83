"""A job that names a sender: who may, and that mail servers are asked by it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import Account, AccountConfig, KeyKind
from tests.factories import make_account, make_key
from tests.fixtures_mail_world import MailWorld
from tests.verification.factories import make_domain, make_job
from verification.domain import drain, sending
from verification.models import Batch, CheckResult, DomainCheck, Job

pytestmark = pytest.mark.django_db(transaction=True)
SENDER = "Probe@good-sender.test"


@pytest.fixture(autouse=True)
def world(settings: Settings, mail_world: MailWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RUN_DIR = tmp_path
    settings.MAIL_WORLD = True
    settings.MAIL_WORLD_DNS = mail_world.dns
    settings.MAIL_WORLD_SMTP_PORT = mail_world.smtp_port
    settings.RETRY_MINUTES = [10.0]
    monkeypatch.setattr(drain, "IDLE_SECONDS", 0.2)


def hand_in(account: Account, sender: str, *, kind: KeyKind = KeyKind.LIVE) -> tuple[int, dict[str, Any]]:  # Any: JSON
    body = {
        "recipients": [{"mail": {"to": [{"email": "jane@ok.test"}]}}],
        "mail": {"from": {"email": sender}},
    }
    secret = make_key(account, kind)[1]
    headers = {"Authorization": f"Bearer {secret}"}
    answer = Client().post("/api/v1/jobs", json.dumps(body), content_type="application/json", headers=headers)
    return answer.status_code, answer.json()["meta"]["state"]


def rejected(account: Account, sender: str = SENDER, **how: Any) -> str:  # Any: as hand_in
    status, state = hand_in(account, sender, **how)
    assert not Job.objects.exists()
    return f"{status} {state['subType']} {state['description']}"


FORBIDDEN = "403 FORBIDDEN_SENDER Unsupported value for mail.from.email"


def test_a_proved_domain_may_send() -> None:
    account = make_account()
    make_domain(account=account, proof="passed", dkim="failed")
    assert hand_in(account, f"Jane <{SENDER}>")[0] == 202
    job = Job.objects.get()
    assert (job.sender, job.sending_domain) == (SENDER, "good-sender.test")
    assert Batch.objects.get().sender == SENDER


def test_an_account_without_domains_may_not() -> None:
    assert rejected(make_account()) == FORBIDDEN


@pytest.mark.parametrize("proof", ["never", "failed"])
def test_one_that_is_not_proved_may_not(proof: str) -> None:
    account = make_account()
    make_domain(account=account, proof=proof, dkim="passed")
    assert rejected(account) == FORBIDDEN
    assert rejected(account, kind=KeyKind.SANDBOX) == FORBIDDEN


@pytest.mark.parametrize("sender", ["a@sub.good-sender.test", "a@sender.test"])
def test_only_the_domain_itself_counts(sender: str) -> None:
    account = make_account()
    make_domain(account=account, proof="passed")
    assert rejected(account, sender) == FORBIDDEN


@pytest.mark.parametrize("claims_it_too", [True, False])
def test_the_proof_of_a_stranger_counts_for_nothing(claims_it_too: bool) -> None:
    account = make_account()
    if claims_it_too:
        make_domain(account=account, proof="failed")
    make_domain(proof="passed", dkim="passed")  # the last: whoever mixes the two up reads this
    assert rejected(account) == FORBIDDEN


def test_the_key_of_a_stranger_counts_for_nothing() -> None:
    account = make_account(dkim=True)
    make_domain(account=account, proof="passed", dkim="failed")
    make_domain(proof="passed", dkim="passed")
    assert rejected(account) == "403 FORBIDDEN_BY_CONFIG Unsupported value for dkim.lastCheck"


@pytest.mark.parametrize("dkim", ["never", "failed"])
def test_where_dkim_is_wanted_its_last_check_must_have_passed(dkim: str) -> None:
    account = make_account(dkim=True)
    make_domain(account=account, proof="passed", dkim=dkim)
    assert rejected(account) == "403 FORBIDDEN_BY_CONFIG Unsupported value for dkim.lastCheck"
    DomainCheck.objects.filter(domain__account=account, kind="dkim").update(last_check="passed")
    assert hand_in(account, SENDER)[0] == 202


def test_the_row_of_the_domain_comes_before_the_accounts() -> None:
    account = make_account()
    make_domain(account=account, proof="passed", dkim="failed")
    AccountConfig.objects.create(account=account, sending_domain="good-sender.test", dkim=True)
    assert rejected(account) == "403 FORBIDDEN_BY_CONFIG Unsupported value for dkim.lastCheck"


def senders_heard(mail_world: MailWorld, recipient: str) -> set[str]:
    """Give the MAIL lines of the connections that asked for a recipient."""
    commands = [event for event in mail_world.heard() if event["event"] == "command"]
    connections = {event["connection"] for event in commands if recipient in event["detail"]}
    return {
        event["detail"].strip()
        for event in commands
        if event["connection"] in connections and event["detail"].startswith("MAIL")
    }


def test_mail_servers_are_asked_by_it(mail_world: MailWorld) -> None:
    make_job(["jane@ok-71.test"], sender=sending.Sender(SENDER, "good-sender.test"))
    asyncio.run(drain.drain_once())
    assert CheckResult.objects.get().result == "Ok"
    assert senders_heard(mail_world, "jane@ok-71.test") == {f"MAIL FROM:<{SENDER}>"}


def test_later_tries_keep_it(mail_world: MailWorld) -> None:
    make_job(["jane@greylist-71.test"], sender=sending.Sender(SENDER, "good-sender.test"))
    asyncio.run(drain.drain_once())
    assert Batch.objects.get().sender == SENDER


def test_others_go_by_the_installations(settings: Settings, mail_world: MailWorld) -> None:
    settings.HELO_NAME, settings.PROBE_SENDER = "probe.candour.test", "probe@candour.test"
    make_job(["jane@ok-72.test"])
    asyncio.run(drain.drain_once())
    assert senders_heard(mail_world, "jane@ok-72.test") == {"MAIL FROM:<probe@candour.test>"}


def test_what_the_domains_row_allows_holds_for_its_probes() -> None:
    account = make_account()
    AccountConfig.objects.create(account=account, sending_domain="good-sender.test", catch_all_probe=False)
    AccountConfig.objects.create(account=account, sending_domain="another.example", mailbox_probe=False)
    make_job(["a@catchall-71.test"], account=account, sender=sending.Sender(SENDER, "good-sender.test"))
    make_job(["a@catchall-72.test"], account=account)
    asyncio.run(drain.drain_once())
    reasons = dict(CheckResult.objects.values_list("check_row__address", "reason"))
    assert reasons == {"a@catchall-71.test": "Success", "a@catchall-72.test": "ServerIsCatchAll"}
