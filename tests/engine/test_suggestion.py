"""The address that was probably meant: told when it takes mail, never in anybody's way."""

from __future__ import annotations

import time

import pytest

from tests.engine.fake_dns import FakeDns, Script, records, says, silent
from tests.engine.in_loop import in_loop
from verification.engine import Answer, Engine, EngineConfig, ProbeOptions

NULL_MX = records("MX", "0 .")
TAKES_MAIL = records("MX", "10 mx.gmail.com.")


async def verify(
    dns: FakeDns, address: str, *, helo: str = "", deadline_seconds: float = 5.0, options: ProbeOptions | None = None
) -> Answer:
    engine = Engine(EngineConfig(resolvers=(dns.address,), helo_name=helo, mail_from="a@example.org"))
    try:
        return await engine.verify(address, deadline_seconds=deadline_seconds, options=options or ProbeOptions())
    finally:
        await engine.aclose()


@pytest.mark.parametrize(
    "zone",
    [{}, {("gmial.com", "MX"): NULL_MX}, {("gmial.com", "TXT"): records("TXT", "parked")}],
    ids=["no such domain", "null MX", "no mail hosts"],
)
@in_loop
async def test_suggests_a_domain_that_takes_mail(zone: dict[tuple[str, str], Script]) -> None:
    async with FakeDns({**zone, ("gmail.com", "MX"): TAKES_MAIL}) as dns:
        answer = await verify(dns, "Jane.Doe+x@Gmial.com")
        assert dns.asked("gmail.com") == ["MX"]
    assert (answer.verdict.result, answer.did_you_mean) == ("Bad", "Jane.Doe+x@gmail.com")


@pytest.mark.parametrize(
    "script",
    [NULL_MX, says("NXDOMAIN", soa=True), says("NOERROR", soa=True), says("SERVFAIL")],
    ids=["null MX", "NXDOMAIN", "no MX", "SERVFAIL"],
)
@in_loop
async def test_suggests_no_domain_that_takes_none(script: Script) -> None:
    async with FakeDns({("gmail.com", "MX"): script, ("gmail.com", "A"): records("A", "192.0.2.1")}) as dns:
        assert (await verify(dns, "jane@gmial.com")).did_you_mean == ""


@pytest.mark.parametrize("address", ["jane@example.com", "a..b@gmial.com", "jane", "a@b@gmial.com", "jane@gmail.com"])
@in_loop
async def test_suggests_nothing_where_nothing_is_near(address: str) -> None:
    async with FakeDns({("gmail.com", "TXT"): records("TXT", "x")}) as dns:
        assert (await verify(dns, address)).did_you_mean == ""


@in_loop
async def test_an_option_switches_it_off() -> None:
    async with FakeDns({("gmail.com", "MX"): TAKES_MAIL}) as dns:
        answer = await verify(dns, "jane@gmial.com", options=ProbeOptions(typo_suggestion=False))
        assert (answer.did_you_mean, dns.asked("gmail.com")) == ("", [])


@in_loop
async def test_the_deadline_holds_and_the_verdict_stays() -> None:
    async with FakeDns({("gmail.com", "MX"): silent}) as dns:
        began = time.monotonic()
        answer = await verify(dns, "jane@gmial.com", deadline_seconds=0.5)
        assert 0.4 < time.monotonic() - began < 1.5
    assert (answer.verdict.reason, answer.did_you_mean) == ("DomainIsInexistent", "")


@in_loop
async def test_our_own_trouble_suggests_nothing() -> None:
    zone = {("gmial.com", "MX"): records("MX", "10 mx.gmial.com."), ("gmail.com", "MX"): TAKES_MAIL}
    async with FakeDns(zone) as dns:
        options = ProbeOptions(disposable_check=False)  # many misspelt domains are on that list
        nameless = await verify(dns, "jane@gmial.com", options=options)  # so no mail server is asked
        named = await verify(dns, "jane@gmial.com", options=options, helo="probe.example.org")  # no address to ask at
    assert (nameless.verdict.blame, nameless.did_you_mean) == ("our_network", "")
    assert (named.verdict.blame, named.did_you_mean) == ("address", "jane@gmail.com")
