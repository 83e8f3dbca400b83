"""Countries: where an address block is registered, and whose zone a domain lies in."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

import iptocc

# ISO 3166-1, officially assigned.
_ISO = frozenset(
    """AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR
    GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP
    KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT
    MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW
    SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ
    UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW""".split()  # noqa: SIM905  # 249 literals read worse
)
# Zones of countries whose name is not the ISO code (IANA root zone); EU and SU are no countries.
_ZONES = {
    "uk": "GB",
    "ac": "SH",
    "xn--3e0b707e": "KR",
    "xn--54b7fta0cc": "BD",
    "xn--80ao21a": "KZ",
    "xn--90a3ac": "RS",
    "xn--90ae": "BG",
    "xn--90ais": "BY",
    "xn--clchc0ea0b2g2a9gcd": "SG",
    "xn--d1alf": "MK",
    "xn--fiqs8s": "CN",
    "xn--fiqz9s": "CN",
    "xn--fzc2c9e2c": "LK",
    "xn--h2brj9c": "IN",
    "xn--j1amh": "UA",
    "xn--j6w193g": "HK",
    "xn--kprw13d": "TW",
    "xn--kpry57d": "TW",
    "xn--l1acc": "MN",
    "xn--lgbbat1ad8j": "DZ",
    "xn--mgb2ddes": "YE",
    "xn--mgb9awbf": "OM",
    "xn--mgba3a4f16a": "IR",
    "xn--mgbaam7a8h": "AE",
    "xn--mgbai9azgqp6j": "PK",
    "xn--mgbayh7gpa": "JO",
    "xn--mgbbh1a71e": "IN",
    "xn--mgbc0a9azcg": "MA",
    "xn--mgberp4a5d4ar": "SA",
    "xn--mgbpl2fh": "SD",
    "xn--mgbtx2b": "IQ",
    "xn--mgbx4cd0ab": "MY",
    "xn--mix891f": "MO",
    "xn--node": "GE",
    "xn--o3cw4h": "TH",
    "xn--ogbpf8fl": "SY",
    "xn--p1ai": "RU",
    "xn--pgbs0dh": "TN",
    "xn--q7ce6a": "LA",
    "xn--qxam": "GR",
    "xn--wgbh1c": "EG",
    "xn--wgbl6a": "QA",
    "xn--xkc2al3hye2a": "LK",
    "xn--xkc2dl3a5ee0h": "IN",
    "xn--y9a3aq": "AM",
    "xn--yfro4i67o": "SG",
    "xn--ygbi2ammx": "PS",
}


@lru_cache(maxsize=4_096)
def country_of(ip: str) -> str:
    """Give the ISO 3166 code of the country that the block of `ip` is registered to; "" when inside or not known."""
    try:
        address = _embedded(ip_address(ip))
    except ValueError:
        return ""
    if not address.is_global or address.is_multicast:
        return ""
    code = iptocc.country_code(str(address)) or ""
    return code if code in _ISO else ""


def country_of_domain(ascii_domain: str) -> str:
    """Give the ISO 3166 code of the country whose zone holds the domain, "" for generic zones."""
    zone = ascii_domain.rpartition(".")[2].lower()
    return _ZONES.get(zone) or (zone.upper() if zone.upper() in _ISO else "")


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Give the IPv4 address that a mapped one means (RFC 4291 section 2.5.5.2)."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
