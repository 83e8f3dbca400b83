"""Every column of AccountConfig, flipped, and the difference it makes on the product's own ways."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings as django_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.domain.config import GROUPS, steered_fields
from accounts.models import Account
from tests.asgi_server import serving
from tests.engine.fake_dns import FakeDns, records
from tests.factories import make_account, make_key
from tests.fixtures_mail_world import MailWorld
from tests.verification.factories import finish, make_domain, make_job, make_list, owner_of
from verification.api.live_desks import Desks
from verification.domain import drain
from verification.domain.live import LiveRequest, check_one
from verification.domain.sweeper import Sweeper
from verification.models import Batch, CheckResult, Job

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("world")]


@pytest.fixture
def world(settings: Settings, mail_world: MailWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MAIL_WORLD = True
    settings.MAIL_WORLD_DNS = mail_world.dns
    settings.MAIL_WORLD_SMTP_PORT = mail_world.smtp_port
    settings.RETRY_MINUTES = []
    settings.RUN_DIR = tmp_path
    settings.UPLOADS = tmp_path / "uploads"
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
    monkeypatch.setattr(drain, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(drain, "FLUSH_SECONDS", 0.05)


def verdict(account: Account, address: str) -> str:
    """Give what a job finds out about one address, asking the mail world."""
    job = make_job([address], account=account)
    asyncio.run(drain.drain_once())
    found = CheckResult.objects.get(job=job)
    return f"{found.result}/{found.reason}{'' if found.final else ', for now'}"


def verdict_after_two_hours(account: Account, address: str) -> str:
    """Give what is found out by a try two hours after the first one."""
    make_job([address], account=account)
    Batch.objects.update(first_tried_at=Now() - timedelta(hours=2), tries=1)
    asyncio.run(drain.drain_once())
    found = CheckResult.objects.get(account=account)
    return f"{found.reason}{'' if found.final else ', for now'}"


def age_of_second(account: Account, address: str) -> str:
    verdict(account, address)
    verdict(account, address)
    first, second = CheckResult.objects.filter(account=account).order_by("pk").values_list("checked_at", flat=True)
    return "the same" if first == second else "asked anew"


def suggestion(account: Account, address: str) -> str:
    """Give what a single call suggests, where only gmail.com takes mail."""

    async def ask() -> str:
        async with FakeDns({("gmail.com", "MX"): records("MX", "10 mx.gmail.com.")}) as dns:
            django_settings.RESOLVERS = ["{}:{}".format(*dns.address)]
            desks = Desks()
            try:
                outcome = await check_one(await desks.desk(), LiveRequest(make_secret, address))
            finally:
                await desks.aclose()
            return outcome.answer.did_you_mean

    _, make_secret = make_key(account)
    return asyncio.run(ask())


def live_status(account: Account, address: str) -> int:
    with serving() as url:
        return httpx.get(f"{url}/api/emh/a/v2?k={make_key(account)[1]}&e={address}", timeout=30).status_code


def second_status(account: Account, address: str) -> int:
    """Ask twice at once, each time for a mailbox of its own; gives the worse status."""
    with serving() as url, ThreadPoolExecutor(2) as threads:
        query = f"{url}/api/emh/a/v2?k={make_key(account)[1]}&e="
        answers = threads.map(lambda user: httpx.get(f"{query}{user}{address}", timeout=30), "ab")
        return max(answer.status_code for answer in answers)


def job_request(account: Account, emails: str, **job: Any) -> str:  # Any: JSON
    """Hand a job in; gives how it is answered."""
    to = [{"email": email} for email in emails.split()]
    return handed_in(account, json.dumps({"recipients": [{"mail": {"to": to}}], "job": job}))


def handed_in(account: Account, body: str) -> str:
    headers = {"Authorization": f"Bearer {make_key(account)[1]}"}
    answer = Client().post("/api/v1/jobs", body, content_type="application/json", headers=headers).json()
    state = answer["meta"]["state"]
    return f"{state['subType']} {state.get('description', '')}".strip()


def named_job(account: Account, sender: str) -> str:
    """Hand a job in that names a sender of a domain that is proved, whose DKIM check did not pass."""
    make_domain(sender.rpartition("@")[2], account=account, proof="passed", dkim="failed")
    to = {"mail": {"to": [{"email": "jane@ok.test"}]}}
    return handed_in(account, json.dumps({"recipients": [to], "mail": {"from": {"email": sender}}}))


def notified_job(account: Account, url: str) -> str:
    to = {"mail": {"to": [{"email": "jane@ok.test"}]}}
    return handed_in(account, json.dumps({"recipients": [to], "notification": {"endPoint": {"url": url}}}))


def job_with_list(account: Account, emails: str) -> str:
    file = {"name": "list.csv", "contentType": "text/csv", "content": base64.b64encode(emails.encode()).decode()}
    return handed_in(account, json.dumps({"attachments": [file]}))


def scanned_job(account: Account, emails: str) -> str:
    return job_request(account, emails, features={"antivirus": {"active": True}})


def upload(account: Account, content: str) -> str:
    """Bring a list on the page and start it; gives where that ends."""
    client = Client()
    client.force_login(owner_of(account))
    file = SimpleUploadedFile("list.csv", content.encode())
    brought = client.post(reverse("new_list", args=[account.slug]), {"file": file})
    if brought.status_code != 302:
        return str(brought.context["form"].non_field_errors()[0])
    started = client.post(brought["Location"], {"address_column": 0})
    return "started" if started.status_code == 302 else str(started.context["form"].non_field_errors()[0])


def left_after_ten_days(account: Account, content: str) -> str:
    """End a list ten days ago; gives whether it is still there after a round of the sweeper."""
    job = finish(make_list(content, account=account))
    Job.objects.filter(pk=job.pk).update(finished_at=Now() - timedelta(days=10))
    Sweeper().sweep()
    return "kept" if Job.objects.filter(pk=job.pk).exists() else "gone"


def second_key(account: Account, name: str) -> str:
    """Make two keys on the page; gives what becomes of the second."""
    client = Client()
    client.force_login(owner_of(account))
    form = {"name": name, "kind": "live", "scopes": ["verify"]}
    for _ in range(2):
        page = client.post(reverse("new_key", args=[account.slug]), form)
    refusal = re.search(r'<div class="refusal" role="alert"><p>(.*?)</p>', page.text)
    return refusal[1] if refusal else "made"


def export_status(account: Account, content: str) -> int:
    job = finish(make_list(content, account=account))
    client = Client()
    client.force_login(owner_of(account))
    return client.get(reverse("job_export", args=[account.slug, job.pk])).status_code


BIG = "email,note\n" + f"jane@ok.test,{'x' * 12_000}\n" * 100
OFF = "Feature {} is disabled in AccountConfig for this account/domain"
DISABLED = f"DISABLED_IN_ACCOUNT_CONFIG {OFF}"
NO_UPLOADS = "Uploading lists is switched off for this account. Ask us to switch it on."
TOO_MANY_ROWS = (
    "The list has 2 rows; 1 is the limit of this account. Take its first rows, or split it and bring its parts."
)
TOO_BIG = (
    "The file is larger than 1 MB, which is the limit of this account. "
    "Split it into smaller files, or take out columns that you do not need."
)
TOO_MANY = "LIMIT_EXCEEDED Count limit exceeded for recipients"
NO_DKIM = "FORBIDDEN_BY_CONFIG Unsupported value for dkim.lastCheck"
TOO_MANY_KEYS = "Keys in force are limited to 1 in this account. Revoke one that is not used any more."
GREY, LATER = "Unverifiable/GreyListing", "RetryLater/TransientNetworkFault"
DEA = "Unverifiable/DomainIsWellKnownDea"
Look = Callable[[Account, str], object]

EFFECTS: dict[str, tuple[Look, str, object, object, object]] = {  # look, at what, other value, as usual, then
    "verification_api": (live_status, "jane@ok.test", False, 200, 401),
    "job_requests": (job_request, "jane@ok.test", False, "FULL", DISABLED.format("job_requests")),
    "attachments": (job_with_list, "jane@ok.test", False, "FULL", DISABLED.format("attachments")),
    "uploads": (upload, "email\na@ok.test\n", False, "started", NO_UPLOADS),
    "exports": (export_status, "email\na@ok.test\n", False, 200, 403),
    "webhooks": (notified_job, "https://hooks.example.com/", False, "FULL", DISABLED.format("webhooks")),
    "antivirus": (scanned_job, "jane@ok.test", True, DISABLED.format("antivirus"), "FULL"),
    "dkim": (named_job, "probe@good-sender.test", True, "FULL", NO_DKIM),
    "mailbox_probe": (verdict, "missing@ok.test", False, "Bad/MailboxDoesNotExist", "Unverifiable/Unknown"),
    "catch_all_probe": (verdict, "a@catchall.test", False, "Unverifiable/ServerIsCatchAll", "Ok/Success"),
    "greylist_retry": (verdict, "a@greylist.test", False, f"{GREY}, for now", GREY),
    "typo_suggestion": (suggestion, "jane@gmial.com", False, "jane@gmail.com", ""),
    "result_reuse": (age_of_second, "a@ok.test", False, "the same", "asked anew"),
    "spam_trap_check": (verdict, "a@trap.test", False, "Bad/PossibleSpamTrapDetected", "Ok/Success"),
    "disposable_check": (verdict, "a@dea.test", False, DEA, "Ok/Success"),
    "rows_per_upload": (upload, "email\na@ok.test\nb@ok.test\n", 1, "started", TOO_MANY_ROWS),
    "addresses_per_job": (job_request, "a@ok.test b@ok.test", 1, "FULL", TOO_MANY),
    "upload_megabytes": (upload, BIG, 1, "started", TOO_BIG),
    "deadline_seconds": (verdict, "a@slow-500.test", 1, "Ok/Success", f"{LATER}, for now"),
    "greylist_hours": (verdict_after_two_hours, "a@greylist.test", 1, "GreyListing, for now", "GreyListing"),
    "calls_per_minute": (second_status, "@ok.test", 1, 200, 429),
    "concurrent_calls": (second_status, "@slow-500.test", 1, 200, 429),
    "retention_days": (left_after_ten_days, "email\na@ok.test\n", 9, "kept", "gone"),
    "license_keys": (second_key, "Import", 1, "made", TOO_MANY_KEYS),
    "forbidden_local_parts": (job_request, "Sales@ok.test", ["sales"], "FULL", "PART"),
}


def test_every_column_is_tried_and_shown() -> None:
    fields = [field.name for field in steered_fields()]
    assert sorted(EFFECTS) == sorted(fields)
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(fields)
    documented = re.findall(r"^\| `(\w+)` \|", Path("docs/config.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(documented) == sorted(fields)


@pytest.mark.parametrize("column", EFFECTS)
def test_a_column_has_its_effect(column: str) -> None:
    look, what, other, usual, then = EFFECTS[column]
    flipped: dict[str, Any] = {column: other}  # Any: a toggle, a number or a list
    assert (look(make_account(), what), look(make_account(**flipped), what)) == (usual, then)


def test_a_job_does_without_a_feature() -> None:
    account = make_account()
    assert job_request(account, "a@catchall.test", features={"catchAll": {"active": False}}) == "FULL"
    asyncio.run(drain.drain_once())
    assert CheckResult.objects.get().reason == "Success"


def test_a_feature_that_is_off_cannot_be_asked_for() -> None:
    refused = job_request(make_account(catch_all_probe=False), "a@ok.test", features={"catchAll": {"active": True}})
    assert refused == f"DISABLED_IN_ACCOUNT_CONFIG {OFF.format('catchAll')}"
    assert not Batch.objects.exists()


@pytest.mark.parametrize(
    ("config", "hours", "answer"),
    [
        ({}, 4, "FULL"),
        ({}, 0, "FULL"),
        ({"greylist_hours": 24}, 24, "FULL"),
        ({}, 5, "FORBIDDEN_PARAMS Unsupported value for job.options.greylistHours"),
        ({"greylist_retry": False}, 1, f"DISABLED_IN_ACCOUNT_CONFIG {OFF.format('greylistRetry')}"),
        ({"greylist_retry": False}, 0, "FULL"),
    ],
)
def test_hours_that_a_job_asks_for(config: dict[str, Any], hours: int, answer: str) -> None:  # Any: toggles
    account = make_account(**config)
    assert job_request(account, "a@ok.test", options={"greylistHours": hours}) == answer
    assert list(Job.objects.values_list("greylist_hours", flat=True)) == ([hours] if answer == "FULL" else [])


def test_hours_of_a_job_and_of_the_installation_bound_its_tries(settings: Settings) -> None:
    account = make_account()
    job_request(account, "a@greylist.test", options={"greylistHours": 0})
    asyncio.run(drain.drain_once())
    assert CheckResult.objects.get().final
    settings.GREYLIST_HOURS = 1.0
    assert verdict_after_two_hours(make_account(), "a@greylist.test") == "GreyListing"


def test_a_job_asks_anew() -> None:
    account = make_account()
    verdict(account, "a@ok.test")
    job_request(account, "a@ok.test", options={"maxAgeSeconds": 0})
    asyncio.run(drain.drain_once())
    first, second = CheckResult.objects.order_by("pk").values_list("checked_at", flat=True)
    assert first < second


def test_what_a_forbidden_name_is_told() -> None:
    account = make_account(forbidden_local_parts=["Sales"], monthly_quota=1)
    to = [{"email": email} for email in ("sales@ok.test", '"SALES"@ok.test', "sales+x@ok.test", "SALES@ok.test")]
    answer = (
        Client()
        .post(
            "/api/v1/jobs",
            json.dumps({"recipients": [{"mail": {"to": to}}]}),
            content_type="application/json",
            headers={"Authorization": f"Bearer {make_key(account)[1]}"},
        )
        .json()
    )
    (block,) = answer["content"]["recipients"]
    forbidden = {"classifier": "FORBIDDEN_RECIPIENT", "message": "Reason: Local part forbidden by config"}
    assert [one.get("validationResult") for one in block["mail"]["to"]] == [forbidden, forbidden, None, forbidden]


def test_a_list_holds_forbidden_names() -> None:
    account = make_account(forbidden_local_parts=["sales"])
    job = make_list("email\nsales@ok.test\njane@ok.test\nnobody\njane@ok.test\n", account=account)
    assert (job.total, job.waiting, job.refused, job.duplicate) == (4, 1, 2, 1)
    client = Client()
    client.force_login(owner_of(account))
    page = client.get(f"{reverse('job', args=[account.slug, job.pk])}?show=refused").content.decode()
    assert "Names like this are forbidden in this account&#x27;s features: not asked, not charged" in page
