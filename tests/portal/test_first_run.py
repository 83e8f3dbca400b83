from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from accounts.domain.access import authenticate
from accounts.models import Account, LicenseKey, Membership, Role, User
from portal import first_run

pytestmark = pytest.mark.django_db
NOW = datetime(2030, 1, 1, tzinfo=UTC)
URL = "http://127.0.0.1:8000"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "first-run.json"


def test_brings_people_account_and_keys(path: Path) -> None:
    first = first_run.ensure(path=path, url=URL, now=NOW)
    assert list(json.loads(path.read_text())) == [
        "url",
        "staff_email",
        "staff_password",
        "customer_email",
        "customer_password",
        "license_key",
        "sandbox_key",
    ]
    assert path.stat().st_mode & 0o777 == 0o600
    staff, owner = User.objects.get(email=first.staff_email), User.objects.get(email=first.customer_email)
    assert staff.is_staff
    assert staff.check_password(first.staff_password)
    assert not owner.is_staff
    assert owner.check_password(first.customer_password)
    account = Account.objects.get()
    assert account.monthly_quota == 1_000_000
    assert set(Membership.objects.filter(account=account).values_list("user__email", "role")) == {
        (first.customer_email, Role.OWNER),
        (first_run.VIEWER, Role.VIEWER),
    }
    assert authenticate(secret=first.license_key).kind == "live"
    assert authenticate(secret=first.sandbox_key).kind == "sandbox"


def test_a_second_start_changes_nothing(path: Path) -> None:
    first = first_run.ensure(path=path, url=URL, now=NOW)
    assert first_run.ensure(path=path, url=URL, now=NOW) == first
    assert User.objects.get(email=first.staff_email).check_password(first.staff_password)
    assert LicenseKey.objects.count() == 2


def test_killed_before_its_note_it_starts_over(path: Path) -> None:
    unseen = first_run.ensure(path=path, url=URL, now=NOW)
    path.unlink()
    first = first_run.ensure(path=path, url=URL, now=NOW)
    assert first.license_key != unseen.license_key
    assert User.objects.get(email=first.staff_email).check_password(first.staff_password)
    assert (User.objects.count(), Account.objects.count()) == (3, 1)
    assert LicenseKey.objects.filter(revoked_at=None).count() == 2


def test_the_note_follows_the_address(path: Path) -> None:
    first = first_run.ensure(path=path, url=URL, now=NOW)
    moved = first_run.ensure(path=path, url="http://127.0.0.1:9000", now=NOW)
    assert moved.url == "http://127.0.0.1:9000"
    assert first_run.read(path) == moved
    assert moved.license_key == first.license_key
