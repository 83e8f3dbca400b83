from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.domain import guesses
from accounts.domain.guesses import TooManyGuesses
from accounts.models import Guess

pytestmark = pytest.mark.django_db
JANE = "jane@example.com"


def guess(client: str = "192.0.2.1", email: str = JANE, device: str | None = None) -> bool:
    """Tell whether a try is let through."""
    try:
        guesses.take(client=client, email=email, device=device)
    except TooManyGuesses:
        return False
    return True


def test_five_tries_a_client_and_address() -> None:
    assert [guess() for _ in range(7)] == [True] * 5 + [False] * 2
    assert guess(email="JANE@example.com") is False
    assert guess(email="joe@example.com") is True


def test_fifty_tries_a_client() -> None:
    assert [guess(email=f"p{n}@example.com") for n in range(52)] == [True] * 50 + [False] * 2
    assert guess(client="192.0.2.2", email="p1@example.com") is True


def test_fifty_tries_an_address_by_clients_however_many() -> None:
    assert [guess(client=f"192.0.2.{n}") for n in range(52)] == [True] * 50 + [False] * 2


def test_a_known_device_is_not_locked_out_by_others() -> None:
    assert not all(guess(client=f"192.0.2.{n}") for n in range(60))
    assert [guess(device="1:phone") for _ in range(11)] == [True] * 10 + [False]


def test_a_right_try_is_given_back() -> None:
    for _ in range(20):
        guesses.give_back(guesses.take(client="192.0.2.1", email=JANE, device=None))
    assert set(Guess.objects.values_list("count", flat=True)) == {0}


def test_a_refused_try_counts_nowhere() -> None:
    for _ in range(20):
        guess()
    assert sorted(Guess.objects.values_list("count", flat=True)) == [5, 5, 5]


def test_tries_are_forgotten_after_their_time() -> None:
    for _ in range(6):
        guess()
    Guess.objects.update(until=timezone.now() - timedelta(hours=1))
    assert guess() is True
    assert set(Guess.objects.values_list("count", flat=True)) == {1}


def test_the_table_names_nobody() -> None:
    guess()
    assert JANE not in repr(Guess.objects.values())
    assert {len(bytes(bucket)) for bucket in Guess.objects.values_list("bucket", flat=True)} == {32}


def test_mails_are_bounded() -> None:
    for _ in range(5):
        guesses.take_mail(email=JANE)
    with pytest.raises(TooManyGuesses):
        guesses.take_mail(email=JANE.upper())


@pytest.mark.django_db(transaction=True)
def test_exactly_five_of_many_at_once() -> None:
    def go(_: int) -> bool:
        try:
            return guess()
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(go, range(40))) == 5
