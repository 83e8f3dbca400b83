"""Putting addresses on a suppression list, and taking them off: docs/suppression.md."""

from __future__ import annotations

import pytest

from accounts.models import Account, AuditEntry
from tests.factories import make_account
from tests.verification.factories import owner_of
from tests.verification.test_suppression import days_left, suppress
from verification.domain import suppression_list
from verification.domain.suppression_list import Unfit, entry_of
from verification.models import Suppression, SuppressionSource

pytestmark = pytest.mark.django_db


def add(account: Account, address: str, kind: str = "hand", reason: str = "") -> tuple[Suppression, bool]:
    return suppression_list.add(
        account=account,
        entry=entry_of(address, kind, reason),
        source=SuppressionSource.PAGE,
        actor=owner_of(account),
    )


def test_add_and_remove() -> None:
    account = make_account()
    row, is_new = add(account, "Jane <jane@OK.test>", "soft", "asked  us")
    assert (row.mailbox, row.kind, row.reason, row.source, is_new) == ("jane@ok.test", "soft", "asked us", "page", True)
    assert days_left(row) == 7
    suppression_list.remove(entry=row, reason="came back", actor=owner_of(account))
    assert not Suppression.objects.exists()
    entries = AuditEntry.objects.filter(action__startswith="suppression.").order_by("pk")
    assert [(entry.action, entry.reason, entry.account) for entry in entries] == [
        ("suppression.added", "asked us", account),
        ("suppression.removed", "came back", account),
    ]
    assert "jane" not in repr(list(entries.values()))


@pytest.mark.parametrize(
    ("before", "after", "kind", "days"),
    [
        ("soft", "hard", "hard", 45),
        ("hard", "soft", "hard", 7),  # had half a day left
        ("soft", "soft", "soft", 7),
        ("hard", "hand", "hand", None),
        ("hand", "hard", "hand", None),
    ],
)
def test_the_stronger_kind_stays(before: str, after: str, kind: str, days: int | None) -> None:
    account = make_account()
    row = suppress(account, "jane@ok.test", before, days=None if before == "hand" else 0.5)
    _, is_new = add(account, "jane@ok.test", after)
    row.refresh_from_db()
    assert (row.kind, is_new) == (kind, False)
    assert (row.until is None) if days is None else days_left(row) == days


def test_what_is_over_is_replaced_by_any_kind() -> None:
    account = make_account()
    row = suppress(account, "jane@ok.test", "hard", days=-1)
    add(account, "jane@ok.test", "full")
    row.refresh_from_db()
    assert (row.kind, days_left(row)) == ("full", 1)


@pytest.mark.parametrize(
    ("address", "kind", "reason", "why"),
    [
        ("nobody", "hand", "", "At sign not found"),
        ("a@ok.test" * 200, "hand", "", "An address has 254 characters at most."),
        ("a@ok.test", "spam", "", "The kind must be one of full, soft, hard, hand."),
        ("a@ok.test", "hand", "x" * 201, "A reason has 200 characters at most."),
        ("a@ok.test", "hand", "so said b@ok.test", "A reason must not hold an address."),
    ],
)
def test_what_cannot_be_an_entry(address: str, kind: str, reason: str, why: str) -> None:
    with pytest.raises(Unfit) as refusal:
        entry_of(address, kind, reason)
    if address != "nobody":
        assert str(refusal.value) == why


def test_a_removal_says_why() -> None:
    account = make_account()
    row, _ = add(account, "jane@ok.test")
    with pytest.raises(Unfit, match="Say why"):
        suppression_list.remove(entry=row, reason=" ", actor=owner_of(account))
    assert Suppression.objects.get() == row


def test_a_full_list_takes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suppression_list, "MOST_ENTRIES", 1)
    account = make_account()
    add(account, "jane@ok.test")
    add(account, "jane@ok.test", "hard")
    with pytest.raises(suppression_list.ListFull):
        add(account, "joe@ok.test")
    assert Suppression.objects.count() == 1
