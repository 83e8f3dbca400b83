"""Mail hosts and addresses looked up once for all who ask at about the same time."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Network

from tests.engine.fake_dns import FakeDns, records, resolver_for, run, says
from verification.engine.directory import REMEMBER_SECONDS, Directory
from verification.engine.mail_hosts import MxHost
from verification.engine.network import Guard
from verification.engine.resolver import Budget
from verification.engine.types import MailHostsOutcome

GUARD = Guard((IPv4Network("127.1.0.0/16"),))
ZONE = {("ok.test", "MX"): records("MX", "10 mx.ok.test."), ("mx.ok.test", "A"): records("A", "127.1.0.9")}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_ahead_the_first_host_is_looked_up_too() -> None:
    async def work() -> None:
        async with FakeDns(ZONE) as server:
            directory = Directory(resolver_for(server), GUARD)
            assert directory.known("ok.test") is None
            found = await directory.find("ok.test", Budget(), ahead=True)
            assert directory.known("ok.test") == found
            where = directory.known_addresses(MxHost("mx.ok.test", 10))
            assert where is not None
            assert where.addresses == ("127.1.0.9",)
            assert sorted(server.questions) == [
                ("mx.ok.test", "A", "udp"),
                ("mx.ok.test", "AAAA", "udp"),
                ("ok.test", "MX", "udp"),
            ]

    run(work())


def test_not_ahead_it_is_left_alone() -> None:
    async def work() -> None:
        async with FakeDns(ZONE) as server:
            directory = Directory(resolver_for(server), GUARD)
            await directory.find("ok.test", Budget())
            assert directory.known_addresses(MxHost("mx.ok.test", 10)) is None
            assert server.questions == [("ok.test", "MX", "udp")]

    run(work())


def test_a_first_host_that_fails_is_no_fault_of_the_domain() -> None:
    async def work() -> None:
        async with FakeDns({**ZONE, ("mx.ok.test", "A"): says("SERVFAIL")}) as server:
            directory = Directory(resolver_for(server), GUARD)
            found = await directory.find("ok.test", Budget(), ahead=True)
            where = await directory.addresses(found.hosts[0], Budget())
            assert (found.outcome, where.outcome) == (MailHostsOutcome.FOUND, MailHostsOutcome.FAILED)

    run(work())


def test_many_ask_once() -> None:
    async def work() -> None:
        async with FakeDns(ZONE) as server:
            directory = Directory(resolver_for(server), GUARD)
            found = await asyncio.gather(*(directory.find("ok.test", Budget(), ahead=True) for _ in range(20)))
            assert {one.outcome for one in found} == {MailHostsOutcome.FOUND}
            assert len(server.questions) == 3

    run(work())


def test_what_is_known_is_forgotten_after_a_moment() -> None:
    async def work() -> None:
        async with FakeDns(ZONE) as server:
            clock = Clock()
            directory = Directory(resolver_for(server), GUARD, clock=clock)
            await directory.find("ok.test", Budget(), ahead=True)
            clock.now += REMEMBER_SECONDS
            assert directory.known("ok.test") is None
            assert directory.known_addresses(MxHost("mx.ok.test", 10)) is None

    run(work())


def test_when_the_first_who_asked_is_cancelled_another_leads() -> None:
    async def work() -> None:
        async with FakeDns(ZONE) as server:
            directory = Directory(resolver_for(server), GUARD)
            first = asyncio.create_task(directory.find("ok.test", Budget()))
            second = asyncio.create_task(directory.find("ok.test", Budget()))
            await asyncio.sleep(0)
            first.cancel()
            assert (await second).outcome is MailHostsOutcome.FOUND

    run(work())


NO_MX = {("web.test", "MX"): says("NOERROR", soa=True), ("web.test", "A"): records("A", "127.1.0.8")}


def test_an_empty_purse_is_no_answer_for_who_has_more() -> None:
    async def work() -> None:
        async with FakeDns(NO_MX) as server:
            directory = Directory(resolver_for(server), GUARD)
            budgets = [Budget(questions=1), Budget(questions=1), Budget(), Budget()]
            found = await asyncio.gather(*(directory.find("web.test", budget) for budget in budgets))
            failed, fine = MailHostsOutcome.FAILED, MailHostsOutcome.FOUND
            assert [one.outcome for one in found] == [failed, failed, fine, fine]

    run(work())


def test_who_has_no_more_either_does_not_ask_again() -> None:
    async def work() -> None:
        async with FakeDns(NO_MX) as server:
            directory = Directory(resolver_for(server), GUARD)
            found = await asyncio.gather(*(directory.find("web.test", Budget(questions=1)) for _ in range(5)))
            assert {one.outcome for one in found} == {MailHostsOutcome.FAILED}
            assert len(server.questions) == 1

    run(work())
