"""The guard: what leads inside is refused in every form, what is outside or opened is not."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest

from verification.engine.network import Guard

INSIDE_RANGES = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
]  # fmt: skip
INSIDE_IPV6_RANGES = [
    "::/128", "::1/128", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8", "2001:db8::/32", "3fff::/20", "2001:2::/48",
    "2001:10::/28", "2001:20::/28", "100::/64", "5f00::/16", "64:ff9b:1::/48", "::ffff:0:0:0/96", "4000::/3",
]  # fmt: skip
OUTSIDE = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0", "192.167.255.255",
    "192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.101.0", "203.0.114.0", "223.255.255.255", "168.63.129.17",
    "2001:4860:4860::8888", "2606:4700:4700::1111", "2a00:1450:4001::1a", "2001:200::1", "2001:db9::1", "3ffe::1",
]  # fmt: skip


def sample(network: str) -> list[IPv4Address]:
    """Give the first, the last and three addresses in between."""
    room = IPv4Network(network)
    step = max(room.num_addresses // 4, 1)
    return sorted({room[min(step * number, room.num_addresses - 1)] for number in range(4)} | {room[-1]})


def forms(address: IPv4Address) -> list[str]:
    """Write an IPv4 address in every form that a translator or tunnel would undo."""
    number = int(address)
    return [
        str(address),
        f"::ffff:{address}",
        str(IPv6Address(0xFFFF << 32 | number)),
        f"::{address}",
        f"64:ff9b::{address}",
        f"64:ff9b:1::{address}",
        f"::ffff:0:{address}",
        str(IPv6Address(0x2002 << 112 | number << 80 | 1)),
        str(IPv6Address(0x20010000 << 96 | int(IPv4Address("8.8.8.8")) << 64 | (number ^ 0xFFFFFFFF))),
        str(IPv6Address(0x20010000 << 96 | number << 64 | (int(IPv4Address("8.8.8.8")) ^ 0xFFFFFFFF))),
    ]


INSIDE = [form for network in INSIDE_RANGES for address in sample(network) for form in forms(address)]
ROOMS = [IPv6Network(text) for text in INSIDE_IPV6_RANGES]
INSIDE_IPV6 = [str(room[place]) for room in ROOMS for place in (0, room.num_addresses // 2, -1)]


@pytest.mark.parametrize("address", OUTSIDE)
def test_outside_is_permitted(address: str) -> None:
    assert Guard().permits(address) is True


@pytest.mark.parametrize("address", [form for form in forms(IPv4Address("8.8.8.8")) if ":1::" not in form])
def test_translated_outside(address: str) -> None:
    """A translated outside address goes where the plain one goes; the forms that nobody translates are refused."""
    is_undone = not address.startswith(("::8", "::ffff:0:8"))
    assert Guard().permits(address) is is_undone


def test_inside_in_every_form_is_refused() -> None:
    guard = Guard()
    assert len(INSIDE) >= 200
    assert [address for address in INSIDE + INSIDE_IPV6 if guard.permits(address)] == []


@pytest.mark.parametrize(
    "text",
    ["", "localhost", "127.1", "0x7f000001", "2130706433", "8.8.8.8:25", "8.8.8.8/32", "[::1]", "010.8.8.8", "8.8.8.8 ",
     "fe80::1%eth0", "2001:4860:4860::8888%1", "8.8.8.8\0", "٨.8.8.8"],
)  # fmt: skip
def test_what_is_no_plain_address_is_refused(text: str) -> None:
    assert Guard().permits(text) is False


def test_an_opened_range_holds_for_its_family_only() -> None:
    guard = Guard((IPv4Network("127.1.0.0/16"), IPv6Network("fd00::/64")))
    wanted = {
        "127.1.0.1": True,
        "127.1.255.255": True,
        "fd00::1": True,
        "127.0.0.1": False,
        "127.2.0.0": False,
        "fd00:0:0:1::": False,
        "::ffff:127.1.0.1": False,
        "10.0.0.1": False,
        "8.8.8.8": True,
    }
    assert {address: guard.permits(address) for address in wanted} == wanted
