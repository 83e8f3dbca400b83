"""Events on their way to real receivers: each what it should be, tried again, never lost, in nobody's way."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from unittest.mock import ANY

import pytest
from django.core import mail
from django.db.models.functions import Now
from pytest_django import Settings

from accounts.domain import outbox
from accounts.models import Account, AccountConfig, AuditEntry
from tests.factories import make_account
from tests.verification.factories import give_verdict, make_job
from tests.verification.transactions import settled
from tests.verification.webhooks.receiver import OK, Receiver, receiving, status
from verification.domain import jobs
from verification.domain.probing import engine_config
from verification.domain.webhooks import deliveries, endpoints, signing, transport
from verification.domain.webhooks.sender import Sender
from verification.domain.webhooks.targets import Vetting
from verification.domain.webhooks.transport import Transport
from verification.models import DeliveryState, Event, WebhookDelivery, WebhookEndpoint, WebhookState
from verification.models.event import this_transaction

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account() -> Account:
    return make_account()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def work_off(transport: Transport | None = None) -> None:
    """Do what a sender does in one round."""
    settled()

    async def go() -> None:
        own = Sender(transport)
        await own.round()
        await own.settled()
        await own.aclose()

    asyncio.run(go())


def make_due(**more: object) -> None:
    WebhookDelivery.objects.update(due_at=Now() - timedelta(seconds=1), **more)


def bodies(receiver: Receiver) -> list[dict[str, object]]:
    return [json.loads(sent.body) for sent in receiver.got]


def statuses() -> list[int]:
    return [tried["status"] for tried in WebhookDelivery.objects.get().log]


def test_events_of_an_account_come_signed_and_once(account: Account, receiver: Receiver) -> None:
    before = make_job(["early@ok.test"], account=account)
    endpoint, secret = endpoints.create(account=account, url=receiver.url, events=["DROPPED"], actor=None)
    job = make_job(["jane@ok.test", "none", "joe@ok.test"], account=account)
    make_job(["stranger@ok.test"])

    work_off()
    work_off()

    (body,) = bodies(receiver)
    assert body["meta"]["jobId"] == str(job.pk) != str(before.pk)  # type: ignore[index]
    assert [one["meta"]["mail"]["email"] for one in body["notifications"]] == ["none"]  # type: ignore[attr-defined]
    (sent,) = receiver.got
    delivery = WebhookDelivery.objects.get()
    assert (sent.path, sent.headers["host"]) == ("/hook?of=us", f"127.0.0.1:{receiver.port}")
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["webhook-id"] == f"msg_{delivery.pk.hex}"
    stamp = int(sent.headers["webhook-timestamp"])
    assert abs(time.time() - stamp) < 60
    assert sent.headers["webhook-signature"] == signing.sign(f"msg_{delivery.pk.hex}", stamp, sent.body, secret)
    assert (delivery.state, delivery.tries) == (DeliveryState.DELIVERED, 1)
    assert delivery.log == [{"status": 200, "error": "", "ms": ANY, "at": ANY}]
    endpoint.refresh_from_db()
    assert (endpoint.state, endpoint.failing_since) == (WebhookState.ACTIVE, None)


def test_only_events_that_are_wanted_come(account: Account, receiver: Receiver) -> None:
    endpoints.create(account=account, url=receiver.url, events=["VERIFIED"], actor=None)
    make_job(["none"], account=account)
    work_off()
    assert receiver.got == []


def test_many_entries_are_several_deliveries(
    account: Account, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "ENTRIES", 2)
    endpoints.create(account=account, url=receiver.url, events=["DROPPED"], actor=None)
    make_job(["a", "b", "c", "d", "e"], account=account)
    work_off()
    seqs = sorted(entry["meta"]["seq"] for body in bodies(receiver) for entry in body["notifications"])  # type: ignore[attr-defined]
    assert (seqs, len(receiver.got)) == ([1, 2, 3, 4, 5], 3)


def test_both_secrets_sign_during_rotation(account: Account, receiver: Receiver) -> None:
    endpoint, old = endpoints.create(account=account, url=receiver.url, actor=None)
    new = endpoints.rotate(endpoint=endpoint, actor=None)
    endpoints.send_test(endpoint=endpoint)
    work_off()
    WebhookEndpoint.objects.update(previous_until=Now() - timedelta(seconds=1))
    endpoints.send_test(endpoint=endpoint)
    work_off()
    first, second = receiver.got
    assert bodies(receiver)[0]["notifications"] == []
    for sent, secrets in ((first, [new, old]), (second, [new])):
        message, stamp = sent.headers["webhook-id"], int(sent.headers["webhook-timestamp"])
        expected = [signing.sign(message, stamp, sent.body, secret) for secret in secrets]
        assert sent.headers["webhook-signature"].split() == expected


@pytest.mark.parametrize("answer", [status(500), status(429), status(404), status(301, "Location: http://127.0.0.2/")])
def test_what_is_refused_is_tried_again(account: Account, receiver: Receiver, answer: bytes) -> None:
    endpoint, _ = endpoints.create(account=account, url=receiver.url, actor=None)
    endpoints.send_test(endpoint=endpoint)
    receiver.answers = [answer, OK]
    work_off()
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.tries, delivery.token) == (DeliveryState.PENDING, 1, None)
    work_off()
    assert len(receiver.got) == 1  # not due yet
    make_due()
    work_off()
    assert statuses() == [int(answer[9:12]), 200]
    assert WebhookDelivery.objects.get().state == DeliveryState.DELIVERED
    assert {sent.headers["webhook-id"] for sent in receiver.got} == {f"msg_{delivery.pk.hex}"}


def test_pauses_add_up_to_more_than_a_day() -> None:
    outcomes = [deliveries.pause(tries, transport.Outcome(500)) for tries in range(deliveries.TRIES)]
    assert deliveries.TRIES == 8
    assert outcomes[-1] == 0
    assert sum(outcomes) >= 27 * 3_600
    for paused, least in zip(outcomes, deliveries.RETRY_SECONDS, strict=False):
        assert least <= paused <= least * 1.1


def test_a_receiver_may_ask_for_a_longer_pause(account: Account, receiver: Receiver) -> None:
    endpoint, _ = endpoints.create(account=account, url=receiver.url, actor=None)
    endpoints.send_test(endpoint=endpoint)
    receiver.answers = [status(429, "Retry-After: 1000")]
    work_off()
    assert WebhookDelivery.objects.filter(due_at__gt=Now() + timedelta(seconds=900)).count() == 1


def test_after_the_last_try_it_has_failed_until_asked_for_again(account: Account, receiver: Receiver) -> None:
    endpoint, _ = endpoints.create(account=account, url=receiver.url, actor=None)
    delivery = endpoints.send_test(endpoint=endpoint)
    receiver.answers = [status(500), OK]
    make_due(tries=deliveries.TRIES - 1)
    work_off()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.tries) == (DeliveryState.FAILED, deliveries.TRIES)
    endpoint.refresh_from_db()
    assert endpoint.state == WebhookState.ACTIVE  # it failed just now

    assert endpoints.replay(delivery=delivery, actor=None)
    work_off()
    delivery.refresh_from_db()
    assert (delivery.state, statuses()) == (DeliveryState.DELIVERED, [500, 200])


def test_who_fails_for_a_day_is_disabled_and_its_owners_hear_of_it(account: Account, receiver: Receiver) -> None:
    endpoint, _ = endpoints.create(account=account, url=receiver.url, events=["DROPPED"], actor=None)
    endpoints.send_test(endpoint=endpoint)
    receiver.answers = [status(500), OK]
    make_due(tries=deliveries.TRIES - 1)
    WebhookEndpoint.objects.update(failing_since=Now() - timedelta(hours=25))
    work_off()
    endpoint.refresh_from_db()
    assert (endpoint.state, endpoint.fault) == (WebhookState.DISABLED, "Nothing got through for more than a day.")
    assert outbox.send_due() == 1
    assert [message.subject for message in mail.outbox] == [f"{account.name}: a webhook is switched off"]
    assert AuditEntry.objects.filter(action="webhook.disabled", account=account).count() == 1

    make_job(["none"], account=account)
    work_off()
    assert (len(receiver.got), WebhookDelivery.objects.count()) == (1, 1)
    endpoints.enable(endpoint=endpoint, actor=None)
    work_off()
    assert len(bodies(receiver)[1]["notifications"]) == 1  # type: ignore[arg-type]  # what was missed


def test_who_is_gone_is_disabled_at_once(account: Account, receiver: Receiver) -> None:
    endpoint, _ = endpoints.create(account=account, url=receiver.url, actor=None)
    endpoints.send_test(endpoint=endpoint)
    receiver.answers = [status(410)]
    work_off()
    endpoint.refresh_from_db()
    assert (endpoint.state, endpoint.fault) == (WebhookState.DISABLED, "It answered 410: it is gone.")


def test_an_endless_answer_is_broken_off(account: Account, receiver: Receiver) -> None:
    endpoint, _ = endpoints.create(account=account, url=receiver.url, actor=None)
    endpoints.send_test(endpoint=endpoint)
    receiver.answers, receiver.endless = [b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"], b"x" * 65_536
    work_off()
    assert statuses() == [200]
    assert receiver.endless_sent < 32 * 2**20  # what the kernel holds for both sides, and 64 kB that were read


def test_who_hangs_delays_nobody_else(account: Account, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "SECONDS", 2.0)
    with receiving() as dead:
        dead.answers = [b""]
        slow, _ = endpoints.create(account=account, url=dead.url, actor=None)
        quick, _ = endpoints.create(account=make_account(), url=receiver.url, actor=None)
        for _ in range(10):
            endpoints.send_test(endpoint=slow)
            endpoints.send_test(endpoint=quick)

        async def go() -> None:
            sender = Sender()
            while len(receiver.got) < 10:
                await sender.round()
                await asyncio.sleep(0.02)
            assert dead.connections == deliveries.AT_ONCE
            await sender.settled()
            await sender.round()
            assert dead.connections <= deliveries.AT_ONCE + 1  # one at a time once it fails
            await sender.settled()
            await sender.aclose()

        asyncio.run(asyncio.wait_for(go(), 60))
    assert {row.log[0]["error"] for row in slow.deliveries.exclude(log=[])} == {"No answer within 2 s."}


def test_a_sender_that_dies_leaves_it_to_the_next(account: Account, receiver: Receiver) -> None:
    endpoint, _ = endpoints.create(account=account, url=receiver.url, actor=None)
    endpoints.send_test(endpoint=endpoint)
    token = deliveries.new_token()
    (claimed,) = deliveries.claim(token=token, most=10)  # and dies
    work_off()
    assert receiver.got == []
    WebhookDelivery.objects.update(lease_until=Now() - timedelta(seconds=1))
    work_off()
    assert (len(receiver.got), WebhookDelivery.objects.get().tries) == (1, 1)
    deliveries.note(delivery=claimed, token=token, outcome=transport.Outcome(500))  # it was not dead, only late
    assert (statuses(), WebhookDelivery.objects.get().state) == ([200], DeliveryState.DELIVERED)


def test_an_event_that_commits_late_is_not_missed(account: Account, receiver: Receiver) -> None:
    endpoints.create(account=account, url=receiver.url, events=["DROPPED"], actor=None)
    make_job(["none"], account=account)
    late = Event.objects.filter(type="DROPPED")
    late.update(written_in=2**62)  # of a transaction that goes on
    work_off()
    assert receiver.got == []
    late.update(written_in=this_transaction())
    work_off()
    assert len(receiver.got) == 1


@pytest.mark.parametrize("trouble", ["suspended", "off"])
def test_an_account_that_may_not_gets_nothing_until_it_may(account: Account, receiver: Receiver, trouble: str) -> None:
    endpoint, _ = endpoints.create(account=account, url=receiver.url, actor=None)
    endpoints.send_test(endpoint=endpoint)
    if trouble == "suspended":
        Account.objects.update(status="suspended")
    else:
        AccountConfig.objects.update_or_create(account=account, defaults={"webhooks": False})
    work_off()
    assert receiver.got == []
    Account.objects.update(status="active")
    AccountConfig.objects.update(webhooks=True)
    work_off()
    assert len(receiver.got) == 1


def test_a_job_that_was_deleted_has_nothing_to_tell(account: Account, receiver: Receiver) -> None:
    endpoints.create(account=account, url=receiver.url, events=["DROPPED"], actor=None)
    job = make_job(["none"], account=account)
    settled()
    deliveries.make()
    jobs.delete(job=job, actor=None)
    Event.objects.update(check_ids=[])
    work_off()
    assert receiver.got == []
    assert WebhookDelivery.objects.get().log[0]["error"] == "Nothing is left to tell."


def test_tests_of_long_ago_are_forgotten(account: Account) -> None:
    endpoint, _ = endpoints.create(account=account, url="https://hooks.example.com/", actor=None)
    old, young = (endpoints.send_test(endpoint=endpoint) for _ in range(2))
    WebhookDelivery.objects.filter(pk=old.pk).update(created_at=Now() - timedelta(days=31))
    assert deliveries.forget_tests() == 1
    assert WebhookDelivery.objects.get() == young


def test_a_secret_of_another_key_is_said(account: Account, receiver: Receiver, settings: Settings) -> None:
    endpoint, _ = endpoints.create(account=account, url=receiver.url, actor=None)
    endpoints.send_test(endpoint=endpoint)
    settings.SECRET_KEY = "another"
    work_off()
    assert receiver.got == []
    assert WebhookDelivery.objects.get().log[0]["error"].startswith("Its secret was sealed under another SECRET_KEY")


def test_a_job_s_own_endpoint_gets_its_events_and_ends(account: Account, receiver: Receiver) -> None:
    other = make_job(["other"], account=account)
    job = make_job(["jane@ok.test", "none"], account=account)
    wanted = endpoints.Notification(receiver.url, {"Authorization": "Basic dTpw", "user-agent": "theirs"})
    endpoint = endpoints.attach(job=job, notification=wanted)
    WebhookEndpoint.objects.update(seen=0)  # as in the transaction that makes the job
    work_off()
    assert {body["meta"]["jobId"] for body in bodies(receiver)} == {str(job.pk)} != {str(other.pk)}  # type: ignore[index]
    assert len(receiver.got) == 2  # STARTED and DROPPED
    sent = receiver.got[0]
    assert (sent.headers["authorization"], sent.headers["user-agent"]) == ("Basic dTpw", "theirs")
    secret = endpoints.secret_of(endpoints.notification_secrets(account))
    message, stamp = sent.headers["webhook-id"], int(sent.headers["webhook-timestamp"])
    assert sent.headers["webhook-signature"] == signing.sign(message, stamp, sent.body, secret)

    give_verdict(job.checks.get(address="jane@ok.test"))
    assert deliveries.end_of_jobs() == 0
    jobs.cancel(job=job)
    assert deliveries.end_of_jobs() == 0  # its last event is still to be told
    settled()
    deliveries.make()
    deliveries.end_of_jobs()
    endpoint.refresh_from_db()
    assert endpoint.state == WebhookState.ENDED


def test_a_bad_certificate_is_refused(account: Account, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with receiving(context) as receiver:
        url = receiver.url.replace("http:", "https:")
        endpoint, _ = endpoints.create(account=account, url=url, actor=None)
        endpoints.send_test(endpoint=endpoint)
        work_off()
        assert (receiver.connections, receiver.got) == (1, [])
        assert WebhookDelivery.objects.get().log[0]["error"].startswith("Its certificate is refused: self")

        make_due()
        trusting = ssl.create_default_context(cafile=str(certificate))
        url = url.replace("127.0.0.1", "localhost")
        endpoints.change(endpoint=endpoint, url=url, events=[], description="", actor=None)
        work_off(Transport(Vetting(engine_config()), tls=trusting))
        assert (len(receiver.got), receiver.got[0].headers["host"]) == (1, f"localhost:{receiver.port}")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    from datetime import UTC, datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "both.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path
