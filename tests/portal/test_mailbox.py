from __future__ import annotations

from pathlib import Path

import pytest
from django.core import mail
from django.test import Client
from pytest_django import Settings

from accounts import mails
from portal import mailbox

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]


@pytest.fixture(autouse=True)
def _folder(settings: Settings, tmp_path: Path) -> None:
    settings.PORTAL_DATA = tmp_path
    settings.EMAIL_BACKEND = "portal.mailbox.Mailbox"


def write(subject: str = "Grüße") -> None:
    mails.deliver(mails.message(subject, "Go on\n\nhttp://127.0.0.1/x?a=1&b=2\n", "jane@example.com"), "test")


def test_mail_is_kept_and_read(page: Client) -> None:
    write()
    (letter,) = mailbox.letters()
    assert (letter.sent_to, letter.subject) == ("jane@example.com", "Grüße")
    assert letter.text == "Go on\n\nhttp://127.0.0.1/x?a=1&b=2\n"
    assert "Grüße" in page.get("/admin/mail/").text
    assert 'href="http://127.0.0.1/x?a=1&amp;b=2"' in page.get(f"/admin/mail/{letter.name}/").text
    assert mailbox.folder().stat().st_mode & 0o777 == 0o700


def test_no_mail_of_that_name(page: Client) -> None:
    write()
    for name in ("x", "..", "%2e%2e%2fsecret-key"):
        assert page.get(f"/admin/mail/{name}/").status_code == 404


def test_the_oldest_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "KEPT", 3)
    for number in range(5):
        write(f"Mail {number}")
    assert [letter.subject for letter in mailbox.letters()] == ["Mail 4", "Mail 3", "Mail 2"]


def test_what_somebody_wrote_is_shown_as_text(page: Client) -> None:
    mail.send_mail("<b>x</b>", "<script>alert(1)</script>", None, ["jane@example.com"])
    (letter,) = mailbox.letters()
    assert "<script>alert" not in page.get(f"/admin/mail/{letter.name}/").text
    assert page.get(f"/admin/mail/{letter.name}/html").status_code == 404


def test_mail_as_mail_programs_show_it(page: Client) -> None:
    write()
    (letter,) = mailbox.letters()
    shown = page.get(f"/admin/mail/{letter.name}/html")
    assert shown.text == letter.html
    assert 'href="http://127.0.0.1/x?a=1&amp;b=2"' in shown.text
    assert shown.headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'"
    )
    assert page.get("/admin/mail/x/html").status_code == 404
