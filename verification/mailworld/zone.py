"""What the name server knows: every name below `.test`, from the table of scenarios, and our own addresses' names."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import IntEnum

from verification.engine.scenarios.table import CLOSED, SCENARIOS, SERVER, Host, Site, Zone, site_of
from verification.mailworld import records
from verification.mailworld.addresses import Map


class Type(IntEnum):
    A = 1
    SOA = 6
    PTR = 12
    MX = 15
    TXT = 16
    AAAA = 28


class Rcode(IntEnum):
    """RFC 1035 section 4.1.1."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """An answer: `addresses`, `exchanges` (preference, label below the name asked for), `names`, `texts`, or none."""

    rcode: Rcode = Rcode.NOERROR
    addresses: tuple[str, ...] = ()
    exchanges: tuple[tuple[int, str], ...] = ()
    names: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


_NODATA = Finding()
_KINDS = {kind.value: kind.name for kind in Type}
_FAULTS = {
    Zone.NXDOMAIN: Finding(Rcode.NXDOMAIN),
    Zone.SERVFAIL: Finding(Rcode.SERVFAIL),
    Zone.SILENT: None,
}


class ZoneData:
    """Answers questions.  Killers exist only when asked for."""

    def __init__(self, places: Map, *, killers: bool = False) -> None:
        self._places = places
        self._killers = killers

    def find(self, name: str, rdtype: int) -> Finding | None:
        """Look a lower-case name without its last dot up; None: say nothing at all."""
        labels = name.split(".")
        is_reverse = name == records.REVERSE_ZONE or name.endswith(f".{records.REVERSE_ZONE}")
        if labels[-1] != "test" and not is_reverse:
            return Finding(Rcode.REFUSED)
        if len(labels) == 1 or name == records.REVERSE_ZONE:
            return _NODATA
        data = records.find(name)
        if data is not None:
            return _record(data, rdtype)
        if is_reverse or records.exists(name):
            return _NODATA if records.exists(name) else Finding(Rcode.NXDOMAIN)
        site = site_of(".".join(labels[-2:]))
        if site is None or (site.scenario.is_killer and not self._killers):
            return Finding(Rcode.NXDOMAIN)
        if site.scenario.zone in _FAULTS:
            return _FAULTS[site.scenario.zone]
        if len(labels) == 2:
            return self._domain(site, rdtype)
        return self._host(site, ".".join(labels[:-2]), rdtype)

    def _domain(self, site: Site, rdtype: int) -> Finding:
        scenario = site.scenario
        if rdtype == Type.MX:
            if scenario.zone is Zone.MX_SERVFAIL:
                return Finding(Rcode.SERVFAIL)
            if scenario.zone is Zone.NULL_MX:
                return Finding(exchanges=((0, "."),))
            return Finding(exchanges=tuple((host.preference, host.label) for host in scenario.hosts if host.label))
        return self._host(site, "", rdtype) if "" in _LABELS[scenario.name] else _NODATA

    def _host(self, site: Site, label: str, rdtype: int) -> Finding:
        host = _LABELS[site.scenario.name].get(label)
        if host is None:
            return Finding(Rcode.NXDOMAIN)
        address = self._address(site, host)
        if rdtype == (Type.AAAA if ":" in address else Type.A):
            return Finding(addresses=(address,))
        return _NODATA

    def _address(self, site: Site, host: Host) -> str:
        if host.address == SERVER:
            return self._places.address_of(site)
        if host.address == CLOSED:
            return self._places.closed_address(f"{host.label}.{site.domain}")
        return host.address


_LABELS = {scenario.name: {host.label: host for host in scenario.hosts} for scenario in SCENARIOS.values()}


def _record(data: records.Data, rdtype: int) -> Finding | None:
    fault = data.get("*")
    if fault is not None:
        return None if fault == records.SILENT else Finding(Rcode.SERVFAIL)
    kind = _KINDS.get(rdtype, "")
    found = tuple(data.get(kind, ()))
    if kind == "TXT":
        return Finding(texts=found)
    return Finding(names=found) if kind == "PTR" else Finding(addresses=found)


def packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed
