"""SPF over real sockets; the expected results are those of RFC 7208, the section beside the case."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from tests.engine.fake_dns import FakeDns, Script, records, resolver_for, run, says, silent
from verification.engine.senders import spf_terms
from verification.engine.senders.spf import Spf, SpfResult, check_host

US, US6 = "203.0.113.7", "2001:db8::7"


def txt(*texts: str) -> Script:
    return records("TXT", *(f'"{text}"' for text in texts))


def ask(record: str | None, *, ip: str = US, zone: dict[tuple[str, str], Script] | None = None) -> Spf:
    """Evaluate a record of sender.example."""
    entries = {("sender.example", "TXT"): txt("another text", record)} if record else {}

    async def work() -> Spf:
        async with FakeDns(entries | (zone or {})) as server:
            return await check_host(resolver_for(server), ip=ip, sender="probe@sender.example", helo="mx.ours.example")

    return run(work())


ELSEWHERE: dict[tuple[str, str], Script] = {
    ("sender.example", "A"): records("A", US),
    ("sender.example", "MX"): records("MX", "10 mx.sender.example.", "20 mx2.sender.example."),
    ("mx2.sender.example", "A"): records("A", "203.0.113.1"),
    ("mx2.sender.example", "AAAA"): records("AAAA", US6),
    ("near.example", "A"): records("A", "203.0.113.99"),
    ("yes.example", "TXT"): txt("v=spf1 ip4:203.0.113.7 -all"),
    ("no.example", "TXT"): txt("v=spf1 -all"),
    ("bad.example", "TXT"): txt("v=spf1 whatever"),
    ("down.example", "TXT"): says("SERVFAIL"),
    ("loop.example", "TXT"): txt("v=spf1 include:loop.example -all"),
    ("7.113.0.203.in-addr.arpa", "PTR"): records("PTR", "host.sender.example."),
    ("host.sender.example", "A"): records("A", US),
    ("7.113.0.203.probe.sender.example.list.example", "A"): records("A", "127.0.0.2"),
}


@pytest.mark.parametrize(
    ("record", "result"),
    [
        ("v=spf1 ip4:203.0.113.7 -all", "pass"),  # 5.6
        ("V=SPF1 IP4:203.0.113.0/24 -ALL", "pass"),  # 4.5, 4.6.1: without regard to case
        ("v=spf1 ip4:203.0.113.8 -all", "fail"),
        ("v=spf1 ~all", "softfail"),
        ("v=spf1 ?all", "neutral"),
        ("v=spf1", "neutral"),  # 4.7
        ("v=spf1 a -all", "pass"),  # 5.3
        ("v=spf1 a:near.example -all", "fail"),
        ("v=spf1 a:near.example/24 -all", "pass"),
        ("v=spf1 mx/24 -all", "pass"),  # 5.4
        ("v=spf1 mx -all", "fail"),
        ("v=spf1 include:yes.example -all", "pass"),  # 5.2
        ("v=spf1 include:no.example ?all", "neutral"),
        ("v=spf1 include:nowhere.example -all", "permerror"),
        ("v=spf1 include:bad.example -all", "permerror"),
        ("v=spf1 include:down.example -all", "temperror"),
        ("v=spf1 include:loop.example -all", "permerror"),  # 4.6.4
        ("v=spf1 redirect=yes.example", "pass"),  # 6.1
        ("v=spf1 redirect=no.example", "fail"),
        ("v=spf1 redirect=nowhere.example", "permerror"),
        ("v=spf1 redirect=yes.example -all", "fail"),  # all decides before
        ("v=spf1 exists:%{ir}.%{l1r-}.%{d}.list.example -all", "pass"),  # 5.7, 7.2
        ("v=spf1 exists:%{i}.list.example -all", "fail"),
        ("v=spf1 ptr -all", "pass"),  # 5.5
        ("v=spf1 ptr:other.example -all", "fail"),
        ("v=spf1 a:n1.example a:n2.example a:n3.example ip4:203.0.113.7", "permerror"),  # 4.6.4: void look-ups
        ("v=spf1 " + "a:near.example " * 11 + "-all", "permerror"),
        ("v=spf1 unknown=modifier ip4:203.0.113.7", "pass"),  # 6
        ("v=spf1 nonsense -all", "permerror"),  # 4.6
        ("v=spf1 ip4:203.0.113.7 nonsense", "permerror"),
        ("v=spf1 ip4:203.0.113.400 -all", "permerror"),
        ("v=spf1 ip4:203.0.113.7/33 -all", "permerror"),
        ("v=spf1 a/33 -all", "permerror"),
        ("v=spf1 include: -all", "permerror"),
        ("v=spf1 all:now", "permerror"),
        ("v=spf1 exists:%{x}.example -all", "permerror"),
        ("v=spf10 -all", "none"),  # 4.5: another version
        (None, "none"),
    ],
)  # fmt: skip
def test_check_host(record: str | None, result: str) -> None:
    assert ask(record, zone=ELSEWHERE).result == result


@pytest.mark.parametrize(
    ("record", "result"),
    [
        ("v=spf1 ip6:2001:db8::/32 -all", "pass"),
        ("v=spf1 ip6:2001:db8:1::/48 -all", "fail"),
        ("v=spf1 mx -all", "pass"),
        ("v=spf1 a//32 -all", "fail"),
        ("v=spf1 mx//64 -all", "pass"),
        ("v=spf1 ip4:203.0.113.7 -all", "fail"),
    ],
)
def test_check_host_by_ipv6(record: str, result: str) -> None:
    assert ask(record, ip=US6, zone=ELSEWHERE).result == result


def test_two_records_are_none() -> None:
    found = ask(None, zone={("sender.example", "TXT"): txt("v=spf1 +all", "v=spf1 -all")})
    assert found == Spf(SpfResult.PERMERROR, detail="sender.example has 2 SPF records")


@pytest.mark.parametrize("script", [says("SERVFAIL"), silent])
def test_a_record_that_nobody_can_tell_is_no_refusal(script: Script) -> None:
    assert ask(None, zone={("sender.example", "TXT"): script}).result is SpfResult.TEMPERROR


def test_what_matched_is_told() -> None:
    assert ask("v=spf1 ip4:203.0.113.0/24 -all") == Spf(
        SpfResult.PASS, "v=spf1 ip4:203.0.113.0/24 -all", "ip4:203.0.113.0/24"
    )


QUERY = spf_terms.Query(ip_address("192.0.2.3"), "strong-bad", "email.example.com", "mx.example.org")


@pytest.mark.parametrize(
    ("text", "expanded"),
    [  # the examples of section 7.4
        ("%{s}", "strong-bad@email.example.com"),
        ("%{o}", "email.example.com"),
        ("%{d}", "email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d2}", "example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
        ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
        ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
        ("%%.%_.%-.%{h}", "%. .%20.mx.example.org"),
    ],
)
def test_macros(text: str, expanded: str) -> None:
    assert spf_terms.expand(text, QUERY, "email.example.com") == expanded
