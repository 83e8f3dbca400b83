"""What others see of us and what we can reach: name servers, port 25, names, SPF, block lists, IPv6."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Sequence
from dataclasses import replace

from django.conf import settings

from verification.domain.doctor.found import Found, worst
from verification.domain.doctor.site import Site, leaving_by
from verification.engine import Engine
from verification.engine.config import EngineConfig, ProbeOptions
from verification.engine.network import Guard
from verification.engine.resolver import Budget, DnsStatus, Resolver, system_resolvers
from verification.engine.senders import blocklists as lists
from verification.engine.senders import doors, names, spf
from verification.engine.senders.blocklists import Listing
from verification.engine.senders.doors import Door
from verification.engine.senders.names import Naming
from verification.engine.senders.spf import SpfResult
from verification.models import FindingState, Subject

OK, NOTE, UNCLEAR, BROKEN = FindingState.OK, FindingState.NOTE, FindingState.UNCLEAR, FindingState.BROKEN
NO_NAME = "HELO_NAME and PROBE_SENDER are not set, so that only DNS is asked"
SET_NAME = "Set HELO_NAME to this machine's name in the DNS, and PROBE_SENDER to an address of a domain of yours."
UNKNOWN_ADDRESS = "it is not known by which address others see us"
SET_ADDRESS = "Set SOURCE_ADDRESSES, or HELO_NAME to a name that leads to the address others see."


async def name_servers(site: Site) -> Found:
    """Ask each name server by itself for what it must know, and for what cannot be."""
    looked_at = "Each name server is asked for the servers of com, and for a name below .invalid, which has none."
    servers = site.config.resolvers or system_resolvers()
    if not servers:
        advice = "Set RESOLVERS, or name servers in /etc/resolv.conf."
        return Found(Subject.RESOLVER, BROKEN, looked_at, "There is no name server.", advice)
    said = [await _one_server(site.config, server) for server in servers]
    state = worst(state for state, _ in said)
    if state is BROKEN and any(state is OK for state, _ in said):
        state = NOTE  # the others stand in
    advice = "" if state is OK else "Name servers of your own (unbound) are best; RESOLVERS names them as host:port."
    return Found(Subject.RESOLVER, state, looked_at, "; ".join(words for _, words in said) + ".", advice)


async def _one_server(config: EngineConfig, server: tuple[str, int]) -> tuple[FindingState, str]:
    resolver = Resolver(replace(config, resolvers=(server,), zone_resolvers={}))
    started = time.monotonic()
    try:
        known = await resolver.ask("com", "NS", Budget())
        milliseconds = (time.monotonic() - started) * 1000
        unknown = await resolver.ask(f"{secrets.token_hex(8)}.invalid", "A", Budget())
    finally:
        await resolver.aclose()
    if known.status is DnsStatus.SILENT:
        return BROKEN, f"{server[0]} answers nothing"
    if not (known.status.is_certain and unknown.status.is_certain):
        return UNCLEAR, f"{server[0]}: {unknown.detail if known.status.is_certain else known.detail}"
    if not known.records:
        return BROKEN, f"{server[0]} says that com does not exist, so it would say that of every domain"
    if unknown.status is DnsStatus.OK:
        return BROKEN, f"{server[0]} makes up addresses for names that do not exist"
    return OK, f"{server[0]} answers in {milliseconds:.0f} ms"


async def port_25(site: Site) -> Found:
    """Try to reach mail hosts, those of each zone apart: the mail world says nothing of the world."""
    looked_at = f"Connections to {', '.join(settings.PORT_25_HOSTS) or 'nobody'}."
    if not settings.PORT_25_HOSTS:
        return Found(Subject.PORT_25, UNCLEAR, looked_at, "No hosts to try.", "Set PORT_25_HOSTS.")
    by_zone: dict[str, list[str]] = {}
    for host in settings.PORT_25_HOSTS:
        by_zone.setdefault(_zone_of(host, site.config), []).append(host)
    judged, words = {}, []
    for zone, hosts in by_zone.items():
        knocks = await doors.knock(site.resolver, site.config, hosts)
        judged[zone] = doors.judge(knocks)
        words += [f"{one.host} {one.detail}" for one in knocks]
    state = worst({Door.OPEN: OK, Door.CLOSED: BROKEN, Door.UNCLEAR: UNCLEAR}[door] for door in judged.values())
    advice = {
        BROKEN: "Ask your provider to open port 25 outwards. Until then only DNS is asked, and all pages say so.",
        UNCLEAR: "It stays as it was. If this lasts, look at the name servers and at PORT_25_HOSTS.",
    }.get(state, "")
    return Found(Subject.PORT_25, state, looked_at, "; ".join(words) + ".", advice, judged)


def _zone_of(host: str, config: EngineConfig) -> str:
    zones = config.probe_always_zones
    return next((zone for zone in zones if host == zone or host.endswith(f".{zone}")), "")


async def name_and_back(site: Site) -> Found:
    """Compare the names of our addresses with what we greet with."""
    helo = site.config.helo_name
    looked_at = f"PTR of {_ours(site)} ({site.whence}), and the addresses of {helo or 'HELO_NAME'}."
    if not helo:
        return Found(Subject.NAME, _nameless(), looked_at, f"{NO_NAME}.", SET_NAME)
    if not site.addresses:
        return Found(Subject.NAME, UNCLEAR, looked_at, f"Nothing: {UNKNOWN_ADDRESS}.", SET_ADDRESS)
    found = [await names.check_name(site.resolver, address=address, helo=helo) for address in site.addresses]
    by_naming = {Naming.CONFIRMED: OK, Naming.WRONG: BROKEN, Naming.UNCLEAR: UNCLEAR}
    state = worst(by_naming[one.naming] for one in found)
    advice = "Have your provider set the PTR record of each address to HELO_NAME, whose A record must lead back."
    outcome = "; ".join(one.detail for one in found) + "."
    return Found(Subject.NAME, state, looked_at, outcome, advice if state is BROKEN else "")


BY_SPF = {
    SpfResult.PASS: OK,
    SpfResult.NONE: NOTE,
    SpfResult.NEUTRAL: NOTE,
    SpfResult.SOFTFAIL: BROKEN,
    SpfResult.FAIL: BROKEN,
    SpfResult.PERMERROR: BROKEN,
    SpfResult.TEMPERROR: UNCLEAR,
}


async def spf_of_sender(site: Site) -> Found:
    """Tell whether the sender's domain permits our addresses."""
    sender, helo = settings.PROBE_SENDER, site.config.helo_name
    looked_at = f"The SPF record of {sender.rpartition('@')[2] or 'PROBE_SENDER'}, for {_ours(site)}."
    if not sender:
        return Found(Subject.SPF, _nameless(), looked_at, f"{NO_NAME}.", SET_NAME)
    if not site.addresses:
        return Found(Subject.SPF, UNCLEAR, looked_at, f"Nothing: {UNKNOWN_ADDRESS}.", SET_ADDRESS)
    found = [
        (address, await spf.check_host(site.resolver, ip=address, sender=sender, helo=helo))
        for address in site.addresses
    ]
    state = worst(BY_SPF[one.result] for _, one in found)
    outcome = "; ".join(f"{address} {one.result} ({one.detail})" for address, one in found) + "."
    permit = " ".join(f"{'ip6' if ':' in address else 'ip4'}:{address}" for address in site.addresses)
    advice = f"Give the sender's domain a TXT record such as: v=spf1 {permit} -all"
    return Found(Subject.SPF, state, looked_at, outcome, advice if state in (BROKEN, NOTE) else "")


async def block_lists(site: Site) -> Found:
    """Ask each list for each of our addresses."""
    looked_at = f"{_listed(settings.BLOCKLISTS)} for {_ours(site)}, and their own test entries."
    if not settings.BLOCKLISTS:
        return Found(Subject.BLOCKLISTS, NOTE, looked_at, "No list is asked.", "Set BLOCKLISTS.")
    if not site.addresses:
        return Found(Subject.BLOCKLISTS, UNCLEAR, looked_at, f"Nothing: {UNKNOWN_ADDRESS}.", SET_ADDRESS)
    states, words = [], []
    for blocklist in settings.BLOCKLISTS:
        for address in site.addresses:
            found = await lists.look_up(site.resolver, address=address, blocklist=blocklist)
            states.append({Listing.CLEAN: OK, Listing.LISTED: BROKEN, Listing.UNCLEAR: UNCLEAR}[found.listing])
            words.append(f"{address} {found.listing} at {blocklist}" + (f" ({found.detail})" if found.detail else ""))
    state = worst(states)
    advice = {
        BROKEN: "Find out why, mend it, and ask the list to take the address off. Until then many servers refuse us.",
        UNCLEAR: "A list that refuses public name servers answers a name server of your own (RESOLVERS).",
    }.get(state, "")
    return Found(Subject.BLOCKLISTS, state, looked_at, "; ".join(words) + ".", advice)


async def ipv6(site: Site) -> Found:
    """Tell whether mail hosts with nothing but IPv6 could be asked."""
    looked_at = "The address that packets to IPv6 hosts would leave by, and SOURCE_ADDRESSES."
    address = leaving_by(socket.AF_INET6)
    if not address or not Guard().permits(address):
        advice = "Few mail hosts have nothing but IPv6; they cannot be asked from here."
        return Found(Subject.IPV6, NOTE, looked_at, "No way out by IPv6.", advice)
    if site.config.source_addresses and not any(":" in one for one in site.config.source_addresses):
        advice = f"Probes by IPv6 come from {address}: give it a name, and add it to SOURCE_ADDRESSES."
        return Found(Subject.IPV6, NOTE, looked_at, "SOURCE_ADDRESSES has none of IPv6.", advice)
    return Found(Subject.IPV6, OK, looked_at, f"Packets leave by {address}.")


async def do_not_probe(site: Site, listed: Sequence[str]) -> Found:
    """Show that who is on the list is not asked: have one of them verified."""
    looked_at = f"The do-not-probe list, and what a check of its newest name does ({listed[0] if listed else 'none'})."
    if not listed:
        return Found(Subject.DO_NOT_PROBE, OK, looked_at, "The list is empty.")
    engine = Engine(site.config, resolver=Resolver(site.config))
    try:
        options = ProbeOptions(do_not_probe=frozenset(listed), typo_suggestion=False)
        answer = await engine.verify(f"postmaster@{listed[0]}", deadline_seconds=15, options=options)
    finally:
        await engine.aclose()
    if answer.evidence.attempts:
        return Found(Subject.DO_NOT_PROBE, BROKEN, looked_at, f"{listed[0]} was asked.", "Stop the product; tell us.")
    why = answer.evidence.not_probed or (answer.evidence.mail_hosts or "")
    return Found(Subject.DO_NOT_PROBE, OK, looked_at, f"{len(listed)} names; {listed[0]} was not asked: {why}.")


def _nameless() -> FindingState:
    """Without a name only DNS is asked, which is enough where the mail world is all there is."""
    return NOTE if settings.MAIL_WORLD else BROKEN


def _ours(site: Site) -> str:
    return ", ".join(site.addresses) or "addresses that are not known"


def _listed(things: Sequence[str]) -> str:
    return ", ".join(things) or "nothing"
