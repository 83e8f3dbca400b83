from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import Account
from tests.factories import make_account
from verification.domain import idempotency
from verification.domain.idempotency import InProgress, Kept, KeyReused, Turn, Wanted
from verification.models import IdempotencyRecord

pytestmark = pytest.mark.django_db

ANSWER = Kept(201, '{"b": 1, "a": 2}')


@pytest.fixture
def account() -> Account:
    return make_account()


def wanted(account: Account, *, key: str = "k", body: bytes = b"{}", kind: str = "live") -> Wanted:
    return idempotency.wanted(account_id=account.pk, kind=kind, key=key, method="POST", path="/x", body=body)


def take(request: Wanted) -> Turn:
    turn = idempotency.take_turn(request, lease_seconds=60)
    assert isinstance(turn, Turn)
    return turn


def age(**fields: timedelta) -> None:
    IdempotencyRecord.objects.update(**{name: timezone.now() - by for name, by in fields.items()})


def test_the_first_has_the_turn_the_next_the_answer(account: Account) -> None:
    idempotency.keep(take(wanted(account)), ANSWER)
    assert idempotency.take_turn(wanted(account), lease_seconds=60) == ANSWER


def test_neither_key_nor_body_is_stored(account: Account) -> None:
    take(wanted(account, key="my-secret-key", body=b"my-secret-body"))
    row = IdempotencyRecord.objects.values().get()
    assert "my-secret" not in str({name: bytes(v) if isinstance(v, memoryview) else v for name, v in row.items()})


def test_while_it_is_worked_on_others_wait_and_are_told(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "PATIENCE_SECONDS", 0.2)
    take(wanted(account))
    with pytest.raises(InProgress):
        idempotency.take_turn(wanted(account), lease_seconds=60)


def test_another_body_is_another_request(account: Account) -> None:
    take(wanted(account))
    with pytest.raises(KeyReused):
        idempotency.take_turn(wanted(account, body=b"[]"), lease_seconds=60)


def test_accounts_kinds_and_keys_are_apart(account: Account) -> None:
    other = make_account()
    for one in (wanted(account), wanted(other), wanted(account, kind="sandbox"), wanted(account, key="K")):
        take(one)
    assert IdempotencyRecord.objects.count() == 4


def test_what_was_given_back_may_be_tried_again_with_any_body(account: Account) -> None:
    idempotency.forget(take(wanted(account)))
    take(wanted(account, body=b"[]"))


def test_an_answer_is_not_forgotten(account: Account) -> None:
    turn = take(wanted(account))
    idempotency.keep(turn, ANSWER)
    idempotency.forget(turn)
    assert idempotency.take_turn(wanted(account), lease_seconds=60) == ANSWER


def test_a_turn_whose_process_died_goes_to_the_next(account: Account) -> None:
    first = take(wanted(account))
    age(lease_until=timedelta(seconds=1))
    second = take(wanted(account))
    assert first != second
    idempotency.keep(second, ANSWER)


def test_a_turn_that_was_lost_undoes_what_it_did(account: Account) -> None:
    lost = take(wanted(account))
    age(lease_until=timedelta(seconds=1))
    take(wanted(account))

    @transaction.atomic
    def work() -> None:
        Account.objects.filter(pk=account.pk).update(name="worked")
        idempotency.keep(lost, ANSWER)

    with pytest.raises(InProgress):
        work()
    assert Account.objects.get().name == account.name


def test_after_a_day_a_key_is_free_again(account: Account) -> None:
    idempotency.keep(take(wanted(account)), ANSWER)
    age(created_at=timedelta(hours=23, minutes=59))
    assert idempotency.take_turn(wanted(account), lease_seconds=60) == ANSWER
    age(created_at=timedelta(hours=24, seconds=1))
    take(wanted(account, body=b"[]"))


def test_the_sweeper_takes_what_is_older_than_a_day(account: Account) -> None:
    take(wanted(account, key="old"))
    age(created_at=timedelta(hours=24, seconds=1))
    take(wanted(account, key="young"))
    assert (idempotency.sweep(), IdempotencyRecord.objects.count()) == (1, 1)


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_keys_that_are_none(account: Account, key: str) -> None:
    with pytest.raises(ValueError, match="1 to 255"):
        wanted(account, key=key)


def test_a_nul_and_half_a_character_are_keys_like_any_other(account: Account) -> None:
    take(wanted(account, key="\0\udc80"))
