"""Every column that can hold text, and what becomes of an address in it.

A new column turns the first test red: say here what it holds, and let retention.py and erasing.py know of it when that
can be an address that a customer handed in.
"""

from __future__ import annotations

from datetime import timedelta
from enum import Enum, auto
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db.models import BinaryField, CharField, Field, FileField, JSONField, TextField
from django.db.models.functions import Now
from pytest_django import Settings

from accounts.models import FeatureRequest
from tests.factories import make_key
from tests.portal.routes import everything_kept
from tests.verification.factories import (
    NOW,
    finish,
    give_verdict,
    make_file,
    make_job,
    make_list,
    make_upload,
    owner_of,
)
from verification.domain import erasures
from verification.domain.sweeper import Sweeper
from verification.models import Check, CheckResult, Erasure, IdempotencyRecord, Job, KnownMailbox, Suppression, Upload

pytestmark = pytest.mark.django_db
JANE = "jane.victim@ok.test"


class Holds(Enum):
    """What a column may hold."""

    ADDRESSES = auto()  # erased on request, and gone with the days of its list, job or check
    A_DAY = auto()  # erased on request, and gone after a day in any case
    WORDS = auto()  # of the account's people; an address in them is erased on request
    PEOPLE = auto()  # who signs in or is asked to, and senders of jobs: the account's own
    KEPT = auto()  # so that nobody writes to it: until its term is over or it is taken off; erased on request
    NOTHING = auto()  # our own words, hashes, host names, or names that people give to what is theirs


PLACES: dict[str, dict[Holds, str]] = {
    "accounts.Account": {Holds.NOTHING: "name slug hash_key"},
    "accounts.AccountConfig": {Holds.NOTHING: "sending_domain forbidden_local_parts"},
    "accounts.AuditEntry": {
        Holds.PEOPLE: "actor_label object_label before after reason",
        Holds.NOTHING: "action object_type object_id request_id",
    },
    "accounts.FeatureRequest": {Holds.WORDS: "note", Holds.NOTHING: "feature"},
    "accounts.Guess": {Holds.NOTHING: "bucket"},
    "accounts.Invitation": {Holds.PEOPLE: "email", Holds.NOTHING: "digest"},
    "accounts.LedgerEntry": {Holds.NOTHING: "reference note"},
    "accounts.LicenseKey": {Holds.NOTHING: "name prefix digest previous_prefix previous_digest allowed_networks"},
    "accounts.OutgoingMail": {Holds.PEOPLE: "words", Holds.NOTHING: "name reference"},
    "accounts.PublicText": {Holds.NOTHING: "text"},
    "accounts.Reservation": {Holds.NOTHING: "reference"},
    "accounts.User": {Holds.PEOPLE: "email name", Holds.NOTHING: "password"},
    "verification.Batch": {Holds.PEOPLE: "sender"},
    "verification.Bounce": {Holds.NOTHING: "digest provider"},
    "verification.Check": {Holds.ADDRESSES: "reference address domain original"},
    "verification.CheckResult": {
        Holds.ADDRESSES: "normalized did_you_mean evidence",
        Holds.NOTHING: "mail_server_location",
    },
    "verification.DailyTally": {Holds.NOTHING: "provider"},
    "verification.DoNotProbe": {Holds.NOTHING: "name reason"},
    "verification.DomainCheck": {Holds.NOTHING: "cause trouble"},
    "verification.DomainFact": {Holds.NOTHING: "domain host"},
    "verification.Erasure": {Holds.ADDRESSES: "address", Holds.NOTHING: "digest"},
    "verification.Event": {Holds.NOTHING: "sub_type"},
    "verification.Finding": {Holds.NOTHING: "machine host looked_at outcome advice shut"},
    "verification.IdempotencyRecord": {Holds.A_DAY: "answer", Holds.NOTHING: "key_digest body_digest"},
    "verification.Job": {
        Holds.ADDRESSES: "name columns reference_job cost_center campaign_id fault",
        Holds.PEOPLE: "sender",
        Holds.NOTHING: "switched_off sending_domain",
    },
    "verification.KnownMailbox": {Holds.ADDRESSES: "digest"},
    "verification.Organisation": {Holds.NOTHING: "name"},
    "verification.PendingTally": {Holds.NOTHING: "provider"},
    "verification.PreparedFile": {Holds.ADDRESSES: "choice", Holds.NOTHING: "machine fault"},
    "verification.SavedFilter": {Holds.NOTHING: "name choice"},  # an address in them is refused
    "verification.SendingDomain": {Holds.NOTHING: "domain token selector public_key"},
    "verification.Suppression": {Holds.KEPT: "mailbox reason"},
    "verification.NotificationSecrets": {Holds.NOTHING: "secret previous_secret"},
    "verification.Tally": {Holds.NOTHING: "provider"},
    "verification.WebhookDelivery": {Holds.NOTHING: "log"},
    "verification.WebhookEndpoint": {Holds.NOTHING: "secret previous_secret url description headers fault"},
    "verification.Upload": {
        Holds.ADDRESSES: "filename columns sample sheet sheets",
        Holds.NOTHING: "encoding delimiter fault overflow digest",
    },
}
TEXTUAL = (CharField, TextField, JSONField, BinaryField, FileField)


def holds_text(field: Field[object, object]) -> bool:
    """Tell whether a column can hold a text that is not one of few."""
    if isinstance(field, ArrayField):
        return holds_text(field.base_field)
    return isinstance(field, TEXTUAL) and not field.choices


def test_every_column_is_known() -> None:
    models = [model for app in ("accounts", "verification") for model in apps.get_app_config(app).get_models()]
    found = {
        model._meta.label: sorted(field.name for field in model._meta.concrete_fields if holds_text(field))
        for model in models
    }
    known = {label: sorted(" ".join(kinds.values()).split()) for label, kinds in PLACES.items()}
    assert {label: names for label, names in found.items() if names} == known


@pytest.fixture
def everywhere(settings: Settings, tmp_path: Path) -> Job:
    """Put an address into every column that may hold one."""
    settings.UPLOADS = tmp_path
    job = finish(make_list(f"name,email,boss\nJane,{JANE},x\nJoe,joe@ok.test,{JANE}\n", account=make_key()[0].account))
    upload, text = job.upload, f"about {JANE}"
    assert upload is not None
    Upload.objects.filter(pk=upload.pk).update(filename=text, columns=[text], sheet=JANE, sheets=[JANE])
    texts = dict.fromkeys(("name", "reference_job", "cost_center", "campaign_id", "fault"), text)
    Job.objects.filter(pk=job.pk).update(columns=[text], **texts)
    jane, joe = job.checks.order_by("position")
    Check.objects.filter(job=job).update(reference=text)
    CheckResult.objects.filter(check_row=jane).update(normalized=JANE, did_you_mean=JANE, evidence={"text": text})
    CheckResult.objects.filter(check_row=joe).update(did_you_mean=JANE)
    live = Check.objects.create(account=job.account, address=JANE, domain="ok.test", reference=text)
    give_verdict(live, normalized=JANE, evidence={"attempts": [{"text": text}]})
    make_job([JANE], account=job.account)
    make_upload(f"email\n{JANE}\n", account=job.account)
    KnownMailbox.objects.create(account=job.account, digest=JANE.encode(), check_row=jane, checked_at=NOW)
    IdempotencyRecord.objects.create(
        account=job.account,
        key_digest=b"1",
        body_digest=b"1",
        lease_until=Now(),
        status=200,
        answer=f'{{"a":"{JANE}"}}',
    )
    FeatureRequest.objects.create(account=job.account, feature="uploads", note=text, created_at=NOW)
    make_file(job, JANE)
    Suppression.objects.create(account=job.account, mailbox=JANE, kind="hand", source="api", reason=text)
    return job


def places_of_jane() -> set[str]:
    """Give every column of ours where her address stands, by the names of the models."""
    kept = everything_kept()
    return {label for label, rows in kept.items() if any("jane.victim" in repr(row) for row in rows)}


def test_nothing_is_left_when_it_was_erased(everywhere: Job, tmp_path: Path) -> None:
    holding = [Holds.ADDRESSES, Holds.A_DAY, Holds.WORDS, Holds.KEPT]
    erasures.ask(account=everywhere.account, email=JANE, actor=owner_of(everywhere.account))
    assert places_of_jane() == {label for label, kinds in PLACES.items() if set(kinds) & set(holding)}

    Sweeper().erase()

    assert Erasure.objects.get().done_at is not None
    assert places_of_jane() == set()
    assert [path.name for path in tmp_path.iterdir() if JANE in path.read_text()] == []


def test_nothing_is_left_when_its_days_are_over(everywhere: Job) -> None:
    long_ago = Now() - timedelta(days=31)
    Job.objects.update(created_at=long_ago, finished_at=long_ago)
    for model in (Check, Upload, IdempotencyRecord):
        model.objects.update(created_at=long_ago)
    Sweeper().sweep()
    assert places_of_jane() == {"accounts.FeatureRequest", "verification.Suppression"}  # erased on request
