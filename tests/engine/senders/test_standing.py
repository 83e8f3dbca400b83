"""Names, block lists and port 25, asked of the mail world over real sockets."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.fake_dns import FakeDns, records, resolver_for
from tests.engine.in_loop import in_loop
from tests.fixtures_mail_world import MailWorld
from tests.mailworld.client import records as zone_records
from verification.engine.resolver import Resolver
from verification.engine.senders import blocklists, doors, names, spf
from verification.engine.senders.doors import Patience
from verification.engine.senders.names import Naming

QUICK = (0.5, 0.3, 0.3)
HASTE = Patience(connect=2.0, greeting=1.0, pause=0.05)
HELO = "probe.candour.test"


@pytest.mark.parametrize(
    ("address", "naming", "detail"),
    [
        ("127.1.0.21", Naming.CONFIRMED, "127.1.0.21 is probe.candour.test and back"),
        ("127.1.0.22", Naming.WRONG, "127.1.0.22 has other.candour.test, not probe.candour.test"),
        ("127.1.0.23", Naming.WRONG, "127.1.0.23 has no name, not probe.candour.test"),
        (
            "127.1.0.25",
            Naming.WRONG,
            "probe.candour.test has 127.1.0.21, 127.1.0.22, 127.1.0.24, not 127.1.0.25",
        ),
    ],
)
@in_loop
async def test_name_and_back(mail_world: MailWorld, address: str, naming: Naming, detail: str) -> None:
    resolver = Resolver(mail_world.engine_config())
    found = await names.check_name(resolver, address=address, helo="Probe.Candour.test.")
    await resolver.aclose()
    assert found == names.Named(naming, detail)


@pytest.mark.parametrize("address", ["127.1.0.24", "127.1.0.26"], ids=["servfail", "silence"])
@in_loop
async def test_a_name_that_nobody_can_tell_is_not_wrong(mail_world: MailWorld, address: str) -> None:
    resolver = Resolver(mail_world.engine_config(), try_seconds=QUICK)
    found = await names.check_name(resolver, address=address, helo=HELO)
    await resolver.aclose()
    assert found.naming is Naming.UNCLEAR


@pytest.mark.parametrize(
    ("address", "result"),
    [
        ("127.1.0.21", "pass"),
        ("127.1.0.22", "fail"),
        ("127.1.0.27", "neutral"),
    ],
)
@in_loop
async def test_spf_of_our_sender(mail_world: MailWorld, address: str, result: str) -> None:
    resolver = Resolver(mail_world.engine_config())
    found = await spf.check_host(resolver, ip=address, sender="probe@candour.test")
    await resolver.aclose()
    assert found.result == result


@pytest.mark.parametrize(
    ("address", "blocklist", "expected"),
    [
        ("127.1.0.21", "dnsbl.test", "clean"),
        ("127.1.0.22", "dnsbl.test", "listed Listed, see https://dnsbl.test/22"),
        ("2001:db8::1", "dnsbl.test", "clean"),
        (
            "127.1.0.21",
            "dnsbl-refusing.test",
            "unclear says 127.255.255.254 of its own test entry 127.0.0.2: it does not answer our name server, or is"
            " gone",
        ),
        ("127.1.0.21", "dnsbl-everybody.test", "unclear holds 127.0.0.1, so it holds everybody: it is gone"),
        (
            "127.1.0.21",
            "dnsbl-gone.test",
            "unclear says nothing of its own test entry 127.0.0.2: it does not answer our name server, or is gone",
        ),
    ],
)
@in_loop
async def test_block_lists(mail_world: MailWorld, address: str, blocklist: str, expected: str) -> None:
    resolver = Resolver(mail_world.engine_config())
    found = await blocklists.look_up(resolver, address=address, blocklist=blocklist)
    await resolver.aclose()
    assert f"{found.listing} {found.detail}".strip() == expected


@pytest.mark.parametrize("blocklist", ["servfail.test", "dnstimeout.test"])
@in_loop
async def test_a_list_that_does_not_answer_holds_nobody(mail_world: MailWorld, blocklist: str) -> None:
    resolver = Resolver(mail_world.engine_config(), try_seconds=QUICK)
    found = await blocklists.look_up(resolver, address="127.1.0.22", blocklist=blocklist)
    await resolver.aclose()
    assert found.listing is blocklists.Listing.UNCLEAR


@in_loop
async def test_an_answer_outside_of_the_range_is_no_listing() -> None:
    zone = {
        ("2.0.0.127.list.test", "A"): records("A", "127.0.0.2"),
        ("9.2.0.192.list.test", "A"): records("A", "192.0.2.80"),  # somebody's advertisement
    }
    async with FakeDns(zone) as server:
        found = await blocklists.look_up(resolver_for(server), address="192.0.2.9", blocklist="list.test")
    assert found == blocklists.Listed(blocklists.Listing.UNCLEAR, "answers 192.0.2.80")


async def knock(mail_world: MailWorld, *hosts: str, **config: Any) -> str:  # Any: fields of EngineConfig
    """Give what the hosts say together, and each by itself."""
    settings = mail_world.engine_config(**config)
    resolver = Resolver(settings, try_seconds=QUICK)
    knocks = await doors.knock(resolver, settings, hosts, patience=HASTE)
    await resolver.aclose()
    return " ".join([doors.judge(knocks), *(one.detail for one in knocks)])


CLOSED = ("mx1.deadfirst.test", "mx1.deadfirst-2.test", "mx1.twentymx.test")


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        (("mx.ok.test", "mx.plain.test"), "open 220 220"),
        ((*CLOSED, "mx.ok.test"), "open refused refused refused 220"),
        (("mx.blocked-greeting.test",), "open 554"),  # sent away by somebody who was reached
        (CLOSED, "closed refused refused refused"),
        (CLOSED[:1], "unclear refused"),  # one host may be down
        ((*CLOSED, "mx.nosuchname.test"), "unclear refused refused refused NXDOMAIN from {dns}"),
        ((*CLOSED, "mx.silent.test"), "unclear refused refused refused takes the connection and does not greet"),
        ((*CLOSED, "mx.tarpit.test"), "unclear refused refused refused takes the connection and does not greet"),
        ((*CLOSED, "mx.private.test"), "unclear refused refused refused an inside address"),
        ((), "unclear"),
    ],
)
@in_loop
async def test_port_25(mail_world: MailWorld, hosts: tuple[str, ...], expected: str) -> None:
    assert await knock(mail_world, *hosts) == expected.format(dns=mail_world.dns)


@in_loop
async def test_only_a_goodbye_is_sent(mail_world: MailWorld) -> None:
    await knock(mail_world, "mx.ok-61.test")
    [address] = zone_records(mail_world, "mx.ok-61.test", "A")
    heard = [event for event in mail_world.heard() if event["address"] == address]
    assert [event["detail"] for event in heard if event["event"] == "command"] == ["QUIT\r\n"]
