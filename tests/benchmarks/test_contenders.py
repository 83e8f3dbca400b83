"""The benchmark's runs give right measures; how fast they are is not tested here."""

from __future__ import annotations

import pytest

from tests.benchmarks import contenders
from tests.benchmarks.load import Load, addresses
from tests.fixtures_mail_world import MailWorld


def load_at(world: MailWorld, *, tarpits: int = 0) -> Load:
    return Load(world.dns_endpoint, world.smtp_port, count=60, domains=6, in_flight=20, tarpits=tarpits)


def test_the_engine_among_tarpits_is_measured(mail_world: MailWorld) -> None:
    measure = contenders.engine(load_at(mail_world, tarpits=3))
    assert (measure.answers, measure.wrong, len(measure.held)) == (60, {}, 10)
    assert 0 < measure.base < measure.peak < 200
    assert measure.processor > 0
    assert measure.rate > 0


def test_the_floor_is_measured(mail_world: MailWorld) -> None:
    measure = contenders.floor(load_at(mail_world))
    assert (measure.answers, measure.wrong) == (60, {})


def test_a_run_that_breaks_down_says_why(mail_world: MailWorld) -> None:
    load = Load(mail_world.dns_endpoint, mail_world.smtp_port, count=1, domains=0)
    with pytest.raises(contenders.Failed, match="ZeroDivisionError"):
        contenders.engine(load)


def test_the_order_of_addresses() -> None:
    load = Load(("", 0), 0, count=4, domains=2, tarpits=2)
    assert list(addresses(load)) == [
        "user@tarpit-1.test",
        "missing0@bulk-1.test",
        "user1@bulk-1.test",
        "user@tarpit-2.test",
        "user2@bulk-2.test",
        "user3@bulk-2.test",
    ]
