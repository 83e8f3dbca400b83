"""Mail hosts of a domain and their addresses, over a fake DNS."""

from __future__ import annotations

import dataclasses
from ipaddress import IPv4Network

import pytest

from tests.engine.fake_dns import FakeDns, Script, records, resolver_for, run, says, silent
from verification.engine.mail_hosts import DeadAddresses, HostAddresses, MailHosts, MxHost, addresses, find
from verification.engine.network import Guard
from verification.engine.resolver import Budget
from verification.engine.types import MailHostsOutcome as Outcome

Zone = dict[tuple[str, str], Script]
GUARD = Guard((IPv4Network("127.1.0.0/16"),))


def find_in(zone: Zone, domain: str, budget: Budget | None = None) -> MailHosts:
    async def work() -> MailHosts:
        async with FakeDns(zone) as server:
            resolver = resolver_for(server)
            return await find(resolver, domain, budget or Budget())

    return run(work())


def addresses_in(zone: Zone, host: MxHost, budget: Budget | None = None) -> HostAddresses:
    async def work() -> HostAddresses:
        async with FakeDns(zone) as server:
            resolver = resolver_for(server)
            found = await addresses(resolver, GUARD, host, budget or Budget())
            return dataclasses.replace(found, detail="")

    return run(work())


def names(found: MailHosts) -> list[str]:
    return [host.name for host in found.hosts]


def test_hosts_by_preference() -> None:
    zone = {("ok.test", "MX"): records("MX", "20 b.ok.test.", "5 c.ok.test.", "10 a.ok.test.")}
    assert find_in(zone, "ok.test") == MailHosts(
        Outcome.FOUND,
        (MxHost("c.ok.test", 5), MxHost("a.ok.test", 10), MxHost("b.ok.test", 20)),
        "MX 5 c.ok.test and 2 more",
        ("0 c.ok.test", "1 a.ok.test", "2 b.ok.test"),
    )


def test_ties_are_shuffled_behind_what_is_preferred() -> None:
    async def work() -> None:
        ties = [f"10 mx{number}.ok.test." for number in range(8)]
        async with FakeDns({("ok.test", "MX"): records("MX", "20 last.ok.test.", "1 first.ok.test.", *ties)}) as server:
            resolver = resolver_for(server)
            orders = [await find(resolver, "ok.test", Budget()) for _ in range(20)]
            assert {(names(found)[0], names(found)[-1]) for found in orders} == {("first.ok.test", "last.ok.test")}
            assert len({tuple(names(found)) for found in orders}) > 10
            assert len({found.key for found in orders}) == 1

    run(work())


def test_equal_sets_have_equal_keys() -> None:
    zone = {
        ("a.test", "MX"): records("MX", "10 mx1.host.test.", "20 mx2.host.test."),
        ("b.test", "MX"): records("MX", "5 MX2.host.test.", "0 mx1.host.test."),
        ("c.test", "MX"): records("MX", "10 mx2.host.test.", "20 mx1.host.test."),
        ("d.test", "MX"): records("MX", "10 mx1.host.test."),
        ("mx1.host.test", "A"): records("A", "127.1.0.1"),
    }
    keys = {name: find_in(zone, name).key for name in ("a.test", "b.test", "c.test", "d.test", "mx1.host.test")}
    assert keys["a.test"] == keys["b.test"] == ("0 mx1.host.test", "1 mx2.host.test")
    assert keys["c.test"] == ("0 mx2.host.test", "1 mx1.host.test")
    assert keys["d.test"] == keys["mx1.host.test"] == ("0 mx1.host.test",)


def test_of_a_thousand_hosts_the_best_ten() -> None:
    zone = {("many.test", "MX"): records("MX", *[f"{number} mx{number}.many.test." for number in range(1000)])}
    assert names(find_in(zone, "many.test")) == [f"mx{number}.many.test" for number in range(10)]


@pytest.mark.parametrize(
    ("script", "outcome", "hosts"),
    [
        (records("MX", "0 ."), Outcome.NULL_MX, []),
        (records("MX", "0 .", "10 ."), Outcome.NULL_MX, []),
        (records("MX", "0 .", "10 mx.x.test."), Outcome.FOUND, ["mx.x.test"]),
        (records("MX", "10 192.0.2.1."), Outcome.NO_USABLE_ADDRESS, []),
        (records("MX", "10 a\\032b.x.test."), Outcome.NO_USABLE_ADDRESS, []),
        (records("MX", "10 192.0.2.1.", "20 mx_1.x.test."), Outcome.FOUND, ["mx_1.x.test"]),
        (says("NXDOMAIN", soa=True), Outcome.NXDOMAIN, []),
        (says("SERVFAIL"), Outcome.FAILED, []),
        (silent, Outcome.FAILED, []),
    ],
)
def test_outcomes_of_the_mx_question(script: Script, outcome: Outcome, hosts: list[str]) -> None:
    zone = {("x.test", "MX"): script, ("x.test", "A"): records("A", "127.1.0.1")}  # the A record must not help
    found = find_in(zone, "x.test")
    assert (found.outcome, names(found)) == (outcome, hosts)


@pytest.mark.parametrize(
    ("zone", "outcome", "hosts"),
    [
        ({("x.test", "A"): records("A", "127.1.0.1")}, Outcome.FOUND, ["x.test"]),
        ({("x.test", "AAAA"): records("AAAA", "2606:4700::1")}, Outcome.FOUND, ["x.test"]),
        ({("x.test", "A"): says("SERVFAIL"), ("x.test", "AAAA"): records("AAAA", "::1")}, Outcome.FOUND, ["x.test"]),
        ({("x.test", "TXT"): records("TXT", "hello")}, Outcome.NO_HOSTS, []),
        ({("x.test", "A"): says("SERVFAIL")}, Outcome.FAILED, []),
        ({("x.test", "AAAA"): silent}, Outcome.FAILED, []),
    ],
)
def test_without_mx_the_domain_itself(zone: Zone, outcome: Outcome, hosts: list[str]) -> None:
    found = find_in(zone, "x.test")
    assert (found.outcome, names(found)) == (outcome, hosts)


def test_our_silent_resolver_says_nothing_of_the_domain() -> None:
    async def work() -> None:
        async with FakeDns(default=silent) as server:
            resolver = resolver_for(server, try_seconds=(0.01,))
            assert (await find(resolver, "ok.test", Budget())).outcome is Outcome.RESOLVER_SILENT
            found = await addresses(resolver, GUARD, MxHost("mx.ok.test"), Budget())
            assert found.outcome is Outcome.RESOLVER_SILENT

    run(work())


@pytest.mark.parametrize(
    ("domain", "address"),
    [("[127.1.0.9]", "127.1.0.9"), ("[8.8.8.8]", "8.8.8.8"), ("[IPv6:2606:4700::1]", "2606:4700::1")],
)
def test_an_address_literal_is_its_own_host(domain: str, address: str) -> None:
    found = find_in({}, domain)
    assert (found.outcome, found.key) == (Outcome.FOUND, (f"0 [{address}]",))
    assert addresses_in({}, found.hosts[0]) == HostAddresses(Outcome.FOUND, (address,))


@pytest.mark.parametrize("domain", ["[127.0.0.1]", "[10.0.0.1]", "[IPv6:::1]", "[IPv6:::ffff:127.1.0.1]"])
def test_an_inside_address_literal(domain: str) -> None:
    found = find_in({}, domain)
    assert addresses_in({}, found.hosts[0]) == HostAddresses(Outcome.NO_USABLE_ADDRESS, guarded=True)


def test_a_literal_of_another_kind() -> None:
    assert find_in({}, "[tag:value]").outcome is Outcome.NO_USABLE_ADDRESS


HOST = MxHost("mx.x.test", 10)


@pytest.mark.parametrize(
    ("a", "aaaa", "wanted"),
    [
        (["127.1.0.1"], ["2606:4700::1"], (Outcome.FOUND, ("127.1.0.1", "2606:4700::1"), False)),
        ([], ["2606:4700::1"], (Outcome.FOUND, ("2606:4700::1",), False)),
        (["10.0.0.1", "127.1.0.1"], [], (Outcome.FOUND, ("127.1.0.1",), True)),
        (["10.0.0.1"], [], (Outcome.NO_USABLE_ADDRESS, (), True)),
        (["127.0.0.1"], [], (Outcome.NO_USABLE_ADDRESS, (), True)),
        ([], ["::ffff:127.0.0.1"], (Outcome.NO_USABLE_ADDRESS, (), True)),
        ([], [], (Outcome.NO_USABLE_ADDRESS, (), False)),
    ],
)  # fmt: skip
def test_addresses_of_a_host(a: list[str], aaaa: list[str], wanted: tuple[Outcome, tuple[str, ...], bool]) -> None:
    zone: Zone = {("mx.x.test", "TXT"): silent}
    zone |= {("mx.x.test", "A"): records("A", *a)} if a else {}
    zone |= {("mx.x.test", "AAAA"): records("AAAA", *aaaa)} if aaaa else {}
    assert addresses_in(zone, HOST) == HostAddresses(*wanted)


@pytest.mark.parametrize(
    ("a", "aaaa", "outcome"),
    [
        (silent, silent, Outcome.FAILED),
        (silent, says("NOERROR", soa=True), Outcome.FAILED),
        (says("NOERROR", soa=True), says("SERVFAIL"), Outcome.FAILED),
        (records("A", "10.0.0.1"), silent, Outcome.FAILED),
        (records("A", "127.1.0.1"), silent, Outcome.FOUND),
        (says("NXDOMAIN", soa=True), says("NXDOMAIN", soa=True), Outcome.NO_USABLE_ADDRESS),
    ],
)
def test_a_host_whose_zone_fails(a: Script, aaaa: Script, outcome: Outcome) -> None:
    zone = {("mx.x.test", "A"): a, ("mx.x.test", "AAAA"): aaaa, ("test", "NS"): says("NOERROR")}
    assert addresses_in(zone, HOST).outcome is outcome


def test_an_mx_host_that_is_an_alias() -> None:
    zone = {
        ("mx.x.test", "A"): records("CNAME", "real.x.test."),
        ("mx.x.test", "AAAA"): records("CNAME", "real.x.test."),
        ("real.x.test", "A"): records("A", "127.1.0.1"),
    }
    assert addresses_in(zone, HOST) == HostAddresses(Outcome.FOUND, ("127.1.0.1",))


def test_twenty_addresses_at_most_over_all_hosts() -> None:
    async def work() -> None:
        many = records("A", *[f"127.1.0.{number}" for number in range(1, 16)])
        async with FakeDns({(f"mx{number}.test", "A"): many for number in range(3)}) as server:
            resolver = resolver_for(server)
            budget = Budget()
            found = [await addresses(resolver, GUARD, MxHost(f"mx{number}.test"), budget) for number in range(3)]
            assert [(one.outcome, len(one.addresses)) for one in found] == [
                (Outcome.FOUND, 15),
                (Outcome.FOUND, 5),
                (Outcome.FAILED, 0),
            ]

    run(work())


def test_ten_dead_hosts_take_at_most_24_questions() -> None:
    async def work() -> None:
        hosts = records("MX", *[f"10 mx{number}.x.test." for number in range(10)])
        zone: Zone = {("x.test", "MX"): hosts, ("x.test", "A"): silent, ("test", "NS"): says("NOERROR")}
        async with FakeDns(zone, default=silent) as server:
            resolver = resolver_for(server, try_seconds=(0.6, 0.1, 0.1))
            budget = Budget()
            found = await find(resolver, "x.test", budget)
            outcomes = [(await addresses(resolver, GUARD, host, budget)).outcome for host in found.hosts]
            assert outcomes == [Outcome.FAILED] * 10
            assert budget.questions == 0
            assert len(server.questions) <= 24  # a control question that two of ours wait for counts for both

    run(work())


def test_ten_hosts_without_addresses_are_all_asked() -> None:
    """MX, A and AAAA of ten hosts are 22 questions with the one over TCP: a certain answer fits the bound."""

    async def work() -> None:
        async with FakeDns({("x.test", "MX"): records("MX", *[f"10 mx{n}.x.test." for n in range(1000)])}) as server:
            resolver = resolver_for(server)
            budget = Budget()
            found = await find(resolver, "x.test", budget)
            outcomes = [(await addresses(resolver, GUARD, host, budget)).outcome for host in found.hosts]
            assert outcomes == [Outcome.NO_USABLE_ADDRESS] * 10
            assert len(server.questions) == 22

    run(work())


def test_dead_addresses_come_last_for_a_minute() -> None:
    now = [0.0]
    dead = DeadAddresses(lambda: now[0])
    dead.bury("127.1.0.1")
    dead.bury("127.1.0.2")
    dead.revive("127.1.0.2")
    assert dead.last(("127.1.0.1", "127.1.0.2", "127.1.0.3")) == ("127.1.0.2", "127.1.0.3", "127.1.0.1")
    now[0] = 60.0
    assert dead.last(("127.1.0.1", "127.1.0.2")) == ("127.1.0.1", "127.1.0.2")
