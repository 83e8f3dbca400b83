"""Domains whose mail would go inside, in every way that a zone can say so, and some whose mail may be asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address

from tests.engine.fake_dns import Query, Script, answer, records
from tests.engine.test_network import INSIDE_IPV6_RANGES, INSIDE_RANGES, forms, sample

Zone = dict[tuple[str, str], Script]


@dataclass
class Targets:
    """`zone` and the addresses to verify, by what must come of them; `reached` are the mail servers' addresses."""

    zone: Zone = field(default_factory=dict)
    inside: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)
    reached: set[str] = field(default_factory=set)

    def add(self, ip: str, way: str) -> str:
        """Lead a new domain to an IP address; give its mailbox."""
        domain = f"{way}-{len(self.zone)}.test"
        rdtype = "AAAA" if ":" in ip else "A"
        host = f"mx.{domain}"
        match way:
            case "literal":
                return f"jane@[{'IPv6:' if ':' in ip else ''}{ip}]"
            case "implicit":
                self.zone[domain, rdtype] = records(rdtype, ip)
            case "mx":
                self.zone[domain, "MX"] = records("MX", f"10 {host}.")
                self.zone[host, rdtype] = records(rdtype, ip)
            case "alias":
                self.zone[domain, "MX"] = records("MX", f"10 {host}.")
                self.zone[host, rdtype] = through_aliases(rdtype, ip)
        return f"jane@{domain}"


WAYS = ("mx", "implicit", "alias", "literal")


def through_aliases(rdtype: str, ip: str) -> Script:
    """Answer with two CNAMEs and the address at their end."""

    def script(query: Query, _: str) -> list[bytes]:
        name = query.question[0].name.to_text(omit_final_dot=True)
        chain = [(name, "CNAME", [f"a.{name}."]), (f"a.{name}", "CNAME", [f"b.{name}."]), (f"b.{name}", rdtype, [ip])]
        return [answer(query, *chain).to_wire()]

    return script


def in_turn(*ips: str) -> Script:
    """Answer with one address after the other, the last for ever; none of them is to be kept."""
    left = list(ips)
    return lambda query, transport: records("A", left.pop(0) if len(left) > 1 else left[0], ttl=0)(query, transport)


def inside_addresses() -> Iterator[str]:
    """Give some 600 of them: ranges with their first and last address, and IPv4 in every translated form."""
    for network in INSIDE_RANGES:
        first, *others = sample(network)
        yield from forms(first)
        yield from map(str, others)
    for text in INSIDE_IPV6_RANGES:
        room = IPv6Network(text)
        yield from (str(room[place]) for place in (0, room.num_addresses // 2, -1))
    for room4 in (IPv4Network("127.0.0.0/29"), IPv4Network("10.0.0.0/29"), IPv4Network("192.168.1.0/29")):
        yield from map(str, room4)


def targets(outside: list[str]) -> Targets:
    """Lead to inside addresses in one way each, to the first of a range in all; to the outside ones in one way each."""
    them = Targets()
    for number, ip in enumerate(dict.fromkeys(inside_addresses())):
        them.inside.append(them.add(ip, WAYS[number % len(WAYS)]))
    for ip in ("127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "fe80::1", "192.168.0.1"):
        them.inside += [them.add(ip, way) for way in WAYS]
    for number, ip in enumerate(outside):
        them.allowed.append(them.add(ip, WAYS[number % len(WAYS)]))
        them.reached.add(str(ip_address(ip)))
    _mix(them, outside)
    return them


def _mix(them: Targets, outside: list[str]) -> None:
    """Put inside addresses beside outside ones: the latter are asked, the former never."""
    one, two = outside[:2]
    them.zone["both.test", "MX"] = records("MX", "10 mx.both.test.")
    them.zone["mx.both.test", "A"] = records("A", "127.0.0.1", "10.0.0.1", one)
    them.zone["mx.both.test", "AAAA"] = records("AAAA", "::1", "::ffff:127.0.0.1")
    them.zone["first.test", "MX"] = records("MX", "10 in.first.test.", "20 out.first.test.")
    them.zone["in.first.test", "A"] = records("A", "127.0.0.1")
    them.zone["out.first.test", "A"] = records("A", two)
    them.zone["rebinds.test", "MX"] = records("MX", "10 mx.rebinds.test.")
    them.zone["mx.rebinds.test", "A"] = in_turn(one, "127.0.0.1")
    them.allowed += ["jane@both.test", "jane@first.test", "jane@rebinds.test"]
