from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account, Role
from tests.factories import make_account, make_member
from tests.verification.factories import owner_of
from tests.verification.test_suppression import suppress
from verification.api.schema_bounces import MAIL
from verification.domain import bounce_mail
from verification.models import Suppression

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]


def test_add_search_and_take_off(client: Client) -> None:
    account = make_account()
    client.force_login(owner_of(account))
    url = reverse("suppression", args=[account.slug])
    for name in ("jane", "joe"):
        form = {"email": f"{name}@OK.test", "kind": "hand", "reason": "<b>asked"}
        assert client.post(url, form).status_code == 302
    shown = client.get(url, {"search": "jane@ok.test"}).text
    assert ("jane@ok.test</strong>" in shown, "joe@ok.test</strong>" in shown, "&lt;b&gt;asked" in shown) == (
        True,
        False,
        True,
    )
    row = Suppression.objects.get(mailbox="jane@ok.test")
    off = reverse("unsuppress", args=[account.slug, row.pk])
    assert "Say why." in client.post(off, {"reason": ""}, follow=True).text
    client.post(off, {"reason": "came back"})
    assert list(Suppression.objects.values_list("mailbox", "source")) == [("joe@ok.test", "page")]


@pytest.mark.parametrize("form", [{}, {"email": "nobody", "kind": "hand"}, {"email": "a@ok.test", "kind": "spam"}])
def test_what_is_no_entry_is_said(client: Client, form: dict[str, str]) -> None:
    account = make_account()
    client.force_login(owner_of(account))
    answer = client.post(reverse("suppression", args=[account.slug]), form or {"kind": "hand"})
    assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_members_and_viewers_do_not_see_it(client: Client, role: Role) -> None:
    account = make_account()
    row = suppress(account, "jane@ok.test")
    client.force_login(make_member(account, role))
    assert client.get(reverse("suppression", args=[account.slug])).status_code == 403
    assert client.post(reverse("unsuppress", args=[account.slug, row.pk]), {"reason": "x"}).status_code == 403


def test_entries_of_others_and_of_staff_are_not_there(client: Client) -> None:
    account = make_account()
    client.force_login(owner_of(account))
    for row in (suppress(None, "all@ok.test"), suppress(make_account(), "theirs@ok.test")):
        assert client.post(reverse("unsuppress", args=[account.slug, row.pk]), {"reason": "x"}).status_code == 404
    assert "ok.test" not in client.get(reverse("suppression", args=[account.slug])).text


def bring(client: Client, account: Account, *files: tuple[str, str]) -> Any:  # Any: response
    uploads = [SimpleUploadedFile(name, text.encode()) for name, text in files]
    return client.post(reverse("import_suppressions", args=[account.slug]), {"files": uploads})


def mail_to(address: str) -> str:
    now = f"{timezone.now():%a, %d %b %Y %H:%M:%S +0000}"
    return MAIL.replace("someone@ok.test", address).replace("Mon, 23 Nov 2026 10:00:00 +0000", now)


def test_files_of_each_kind_are_brought_and_told_of(client: Client) -> None:
    account = make_account()
    client.force_login(owner_of(account))
    box = f"From a\n{mail_to('box@ok.test')}\nFrom b\nSubject: hello\n\nworld\n\nFrom c\n{mail_to('other@ok.test')}"
    answer = bring(
        client,
        account,
        ("list.csv", "email\ncsv@ok.test\nnobody\n"),
        ("one.eml", mail_to("mail@ok.test")),
        ("many.mbox", box),
        ("<b>.eml", "Subject: hello\n\nworld"),
        ("empty.mbox", "x"),
    )
    csv, mail, many, none, empty = answer.context["brought"]
    assert answer.status_code == 200
    assert [(one.added, one.known, one.ignored, one.refused) for one in (csv, mail, many)] == [
        (1, 0, 0, 1),
        (1, 0, 0, 0),
        (2, 0, 0, 1),
    ]
    assert [place for place, _ in (*csv.told, *many.told)] == ["Line 3", "Mail 2"]
    assert (none.fault[:21], empty.fault[:20]) == ("The mail has no part ", "There is no mail in ")
    assert ("&lt;b&gt;.eml" in answer.text, "<b>.eml" in answer.text, "Line 3" in answer.text) == (True, False, True)
    assert sorted(Suppression.objects.values_list("mailbox", "source")) == [
        ("box@ok.test", "bounce"),
        ("csv@ok.test", "csv"),
        ("mail@ok.test", "bounce"),
        ("other@ok.test", "bounce"),
    ]


def test_a_mail_too_long_spoils_no_other_in_its_box(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    account = make_account()
    client.force_login(owner_of(account))
    monkeypatch.setattr(bounce_mail, "MOST_BYTES", 2_000)
    answer = bring(
        client, account, ("a.mbox", f"From a\n{'x' * 99}\n" + "x\n" * 2_000 + f"\nFrom b\n{mail_to('b@ok.test')}")
    )
    (box,) = answer.context["brought"]
    assert (box.added, box.told) == (1, (("Mail 1", "A mail has 2,000 bytes at most."),))
    assert "A mail has 2,000 bytes at most." in bring(client, account, ("a.eml", "x" * 2_001)).text


@pytest.mark.parametrize("files", [[], [("a.csv", 'email\n"')], [("a.eml", "")]])
def test_files_of_which_nothing_is_taken_are_said(client: Client, files: list[tuple[str, str]]) -> None:
    account = make_account()
    client.force_login(owner_of(account))
    assert bring(client, account, *files).status_code == 422
    assert not Suppression.objects.exists()


def test_the_list_is_given_out_and_comes_in_again(client: Client) -> None:
    account = make_account()
    client.force_login(owner_of(account))
    suppress(account, "jane@ok.test", "hard")
    suppress(make_account(), "theirs@ok.test")
    answer = client.get(reverse("export_suppressions", args=[account.slug]))
    text = b"".join(answer).decode()
    assert [line.split(",")[:2] for line in text.splitlines()] == [["email", "kind"], ["jane@ok.test", "hard"]]
    (again,) = bring(client, account, ("list.csv", text)).context["brought"]
    assert (again.added, again.known, again.refused) == (0, 1, 0)


def test_files_are_for_those_who_manage_the_list(client: Client) -> None:
    account = make_account()
    client.force_login(make_member(account, Role.MEMBER))
    assert bring(client, account, ("a.csv", "a@ok.test")).status_code == 403
    assert client.get(reverse("export_suppressions", args=[account.slug])).status_code == 403
