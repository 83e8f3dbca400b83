"""Scanning with a real clamd."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from accounts.models import AccountConfig
from portal.postgres import free_port
from tests.clamd import EICAR, NAME, STREAM_MEGABYTES, clamd
from tests.factories import make_account
from tests.verification.factories import owner_of
from verification.domain.antivirus import Infected, ScannerUnavailable, scan
from verification.models import Upload

pytestmark = pytest.mark.xdist_group("clamd")


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    with clamd(tmp_path_factory.mktemp("clamd")) as found:
        yield found


@pytest.fixture(params=["TCP", "Unix socket"])
def scanner(addresses: tuple[str, str], request: pytest.FixtureRequest, settings: Settings) -> None:
    settings.CLAMD = addresses[request.param == "Unix socket"]


@pytest.mark.usefixtures("scanner")
@pytest.mark.parametrize(
    "content", [b"", b"email\njane@example.com\n", b"x" * (STREAM_MEGABYTES * 1024 * 1024 - 1)], ids=["", "list", "big"]
)
def test_a_clean_file_passes(content: bytes) -> None:
    scan(io.BytesIO(content))


@pytest.mark.usefixtures("scanner")
def test_a_harmful_file_is_named() -> None:
    with pytest.raises(Infected, match=f"^{NAME}$"):
        scan(io.BytesIO(EICAR))


@pytest.mark.usefixtures("scanner")
def test_a_file_over_the_scanners_limit_is_not_called_clean() -> None:
    with pytest.raises(ScannerUnavailable, match="clamd at "):
        scan(io.BytesIO(b"x" * (STREAM_MEGABYTES + 3) * 1024 * 1024))


@pytest.mark.parametrize(
    "where", ["", "clamd", "127.0.0.1:", "127.0.0.1:99999", "/nowhere/clamd.sock", "nobody listens"]
)
def test_without_a_scanner_nobody_can_tell(where: str, settings: Settings) -> None:
    settings.CLAMD = f"127.0.0.1:{free_port()}" if where == "nobody listens" else where
    with pytest.raises(ScannerUnavailable):
        scan(io.BytesIO(b"x"))


@contextmanager
def somebody_who_says(reply: bytes) -> Iterator[str]:
    """Listen once, read what comes, say something and hang up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            link, _ = server.accept()
            with link, suppress(OSError):  # whoever asked may hang up first
                link.recv(1_000)
                link.sendall(reply)
                link.shutdown(socket.SHUT_WR)
                while link.recv(65_536):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join(10)


@pytest.mark.parametrize("reply", [b"", b"stream: OK, perhaps\0", b"FOUND\0", b"x" * 2_000], ids=len)
def test_nonsense_is_no_word_for_clean(reply: bytes, settings: Settings) -> None:
    with somebody_who_says(reply) as settings.CLAMD, pytest.raises(ScannerUnavailable):
        scan(io.BytesIO(b"x" * 100))


Send = Callable[[bytes], tuple[int, str]]


@pytest.fixture
def send(tmp_path: Path, settings: Settings, client: Client, db: None, plain_files: None) -> Send:  # pytest-django's
    """Bring a list to an account that has them scanned."""
    settings.UPLOADS = tmp_path / "uploads"
    account = make_account(antivirus=True)
    client.force_login(owner_of(account))

    def bring(content: bytes) -> tuple[int, str]:
        answer = client.post(f"/a/{account.slug}/lists/new", {"file": SimpleUploadedFile("may.csv", content)})
        return answer.status_code, answer.content.decode()

    return bring


@pytest.mark.usefixtures("scanner")
def test_a_clean_list_is_taken(send: Send) -> None:
    assert send(b"email\njane@ok.test\n")[0] == 302
    assert Upload.objects.count() == 1


@pytest.mark.usefixtures("scanner")
def test_a_harmful_list_is_deleted(send: Send, settings: Settings) -> None:
    status, text = send(b"jane@ok.test\n" + EICAR)
    assert (status, f"may.csv holds something harmful ({NAME}); it was deleted." in text) == (422, True)
    assert (Upload.objects.count(), list(settings.UPLOADS.glob("*"))) == (0, [])


def test_without_a_scanner_no_list_is_taken(send: Send, settings: Settings) -> None:
    status, text = send(b"jane@ok.test\n")
    assert (status, "the scanner does not answer" in text) == (503, True)
    assert (Upload.objects.count(), list(settings.UPLOADS.glob("*"))) == (0, [])


def test_lists_of_other_accounts_are_not_scanned(send: Send) -> None:
    AccountConfig.objects.update(antivirus=False)
    assert send(EICAR + b"\njane@ok.test\n")[0] == 302
