"""Which addresses a packet of ours may go to.

Names come from strangers, so an address is asked after resolution and again right before connect: what leads inside
(our machine, our network, a cloud's metadata service) is refused whatever form it takes.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network

# IANA special-purpose registries, RFC 6890 and later; what no mail host of a stranger can live in.
INSIDE_IPV4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network, RFC 791
        "10.0.0.0/8",  # private, RFC 1918
        "100.64.0.0/10",  # carrier-grade NAT, RFC 6598
        "127.0.0.0/8",  # loopback, RFC 1122
        "168.63.129.16/32",  # the host beneath virtual machines at Azure
        "169.254.0.0/16",  # link-local and cloud metadata, RFC 3927
        "172.16.0.0/12",  # private, RFC 1918
        "192.0.0.0/24",  # protocol assignments, RFC 6890
        "192.0.2.0/24",  # documentation, RFC 5737
        "192.88.99.0/24",  # 6to4 relays, RFC 7526
        "192.168.0.0/16",  # private, RFC 1918
        "198.18.0.0/15",  # benchmarking, RFC 2544
        "198.51.100.0/24",  # documentation, RFC 5737
        "203.0.113.0/24",  # documentation, RFC 5737
        "224.0.0.0/4",  # multicast, RFC 5771
        "240.0.0.0/4",  # reserved, RFC 1112, and limited broadcast
    )
)

GLOBAL_IPV6 = IPv6Network("2000::/3")  # all that is handed out, RFC 4291; ULA, link-local, multicast lie outside
INSIDE_IPV6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments (Teredo is looked into first), benchmarking, ORCHID, RFC 2928
        "2001:db8::/32",  # documentation, RFC 3849
        "3fff::/20",  # documentation, RFC 9637
    )
)
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052; 64:ff9b:1::/48 of RFC 8215 is for local use, so inside


class Guard:
    """Say where packets may go: outside, and into the ranges that were opened."""

    __slots__ = ("_allowed",)

    def __init__(self, allowed: tuple[Network, ...] = ()) -> None:
        self._allowed = allowed

    def permits(self, ip: str) -> bool:
        """Tell whether a connection to this address is fine; no for any text that is no plain address.

        An opened range holds for addresses written in its own family: 127.1.0.0/16 does not open ::ffff:127.1.0.1.
        """
        try:
            address = _read(ip)
        except ValueError:
            return False
        if any(address in network for network in self._allowed):
            return True
        return _is_outside(address)


@lru_cache(maxsize=4_096)
def _read(ip: str) -> IPv4Address | IPv6Address:
    return ip_address(ip)


def _is_outside(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in INSIDE_IPV4)
    if address.scope_id is not None:
        return False
    carried = _carried(address)
    if carried:
        return all(_is_outside(inner) for inner in carried)
    return address in GLOBAL_IPV6 and not any(address in network for network in INSIDE_IPV6)


def _carried(address: IPv6Address) -> tuple[IPv4Address, ...]:
    """Give the IPv4 addresses that a translator or a tunnel would send to, none for a plain IPv6 address."""
    if address.ipv4_mapped is not None:  # ::ffff:0:0/96, RFC 4291
        return (address.ipv4_mapped,)
    if address.sixtofour is not None:  # 2002::/16, RFC 3056
        return (address.sixtofour,)
    if address.teredo is not None:  # 2001::/32, RFC 4380: server and client
        return address.teredo
    if address in NAT64:
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    return ()
