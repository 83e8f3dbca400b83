"""Uploads when the disk is full: a clear word, nothing half kept, and the next one that fits is taken."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import Account
from tests.factories import make_account
from tests.verification.factories import make_upload, owner_of
from verification.domain import uploads
from verification.models import Upload

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk"),
]
TOO_MUCH = "email\n" + "jane@ok.test\n" * 30_000


@pytest.fixture(autouse=True)
def small_disk(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", disk], check=True)
    settings.UPLOADS = disk / "uploads"
    settings.STATIC_ROOT = tmp_path
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
    yield settings.UPLOADS
    subprocess.run(["umount", disk], check=True)


@pytest.fixture
def account(client: Client) -> Account:
    account = make_account()
    client.force_login(owner_of(account))
    return account


def test_what_does_not_fit_is_refused_and_nothing_is_kept(client: Client, account: Account, small_disk: Path) -> None:
    address = reverse("new_list", args=[account.slug])
    refused = client.post(address, {"file": SimpleUploadedFile("big.csv", TOO_MUCH.encode())})

    assert refused.status_code == 507
    assert "There is no room for this file at the moment. Nothing was kept; please try again later." in str(
        refused.content, "utf-8"
    )
    assert (list(small_disk.iterdir()), Upload.objects.count()) == ([], 0)

    taken = client.post(address, {"file": SimpleUploadedFile("small.csv", b"email\njane@ok.test\n")})
    assert (taken.status_code, Upload.objects.count()) == (302, 1)


def fill(ballast: Path) -> None:
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def test_a_disk_filled_by_others_takes_not_even_a_small_one(account: Account, small_disk: Path) -> None:
    make_upload(account=account)
    fill(small_disk / "ballast")
    before = sorted(small_disk.iterdir())

    with pytest.raises(uploads.NoRoom):
        make_upload(account=account)

    assert (sorted(small_disk.iterdir()), Upload.objects.count()) == (before, 1)
