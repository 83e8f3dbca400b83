from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Role
from tests.factories import make_account, make_member
from tests.verification.factories import owner_of
from tests.verification.test_suppression import suppress
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
