from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, User
from tests.factories import make_account
from tests.verification.test_suppression import suppress
from verification.models import Suppression

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]


def test_staff_keep_the_list_for_all(page: Client, staff: User) -> None:
    suppress(make_account(), "theirs@ok.test")
    url = reverse("admin:verification_suppression_add")
    assert "Say why." in page.post(url, {"mailbox": "jane@ok.test", "kind": "hand", "reason": ""}).text
    refused = page.post(url, {"mailbox": "jane", "kind": "hand", "reason": "x"})
    assert refused.context["adminform"].form.non_field_errors() == ["there is no at-sign (RFC 5321 section 4.1.2)"]
    for kind in ("soft", "hard"):  # the second one finds it there
        page.post(url, {"mailbox": "jane@OK.test", "kind": kind, "reason": "asked us"})
    row = Suppression.objects.for_all().get()
    assert (row.mailbox, row.kind, row.source) == ("jane@ok.test", "hard", "staff")
    listed = page.get(reverse("admin:verification_suppression_changelist")).text
    assert ("jane@ok.test" in listed, "theirs@ok.test" in listed) == (True, False)
    page.post(reverse("admin:verification_suppression_delete", args=[row.pk]), {"post": "yes"})
    assert not Suppression.objects.for_all().exists()
    acts = AuditEntry.objects.filter(action__startswith="suppression.").values_list("action", "actor__pk")
    assert sorted(acts) == [("suppression.added", staff.pk)] * 2 + [("suppression.removed", staff.pk)]
