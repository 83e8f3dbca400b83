"""SPF (RFC 7208): whether a domain permits an address of ours to use it as a sender."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from verification.engine.resolver import Budget, DnsReply, DnsStatus, Resolver
from verification.engine.senders.checked import Checked, Outcome, failed, passed, shown
from verification.engine.senders.spf_terms import Malformed, Query, Record, Term, expand, read

MAX_LOOKUPS = 10  # of terms that ask the DNS, RFC 7208 section 4.6.4
MAX_VOID = 2  # of them that find nothing
MAX_NAMES = 10  # mail hosts, or names of an address, that are looked at
QUESTIONS, SECONDS = 60, 20.0


class SpfResult(StrEnum):
    """RFC 7208 section 2.6."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"  # noqa: S105  # no password
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


BY_QUALIFIER = {
    "+": SpfResult.PASS,
    "-": SpfResult.FAIL,
    "~": SpfResult.SOFTFAIL,
    "?": SpfResult.NEUTRAL,
}


@dataclass(frozen=True, slots=True)
class Spf:
    """A result, the record it rests on, and what went wrong or matched."""

    result: SpfResult
    record: str = ""
    detail: str = ""


class _Ended(Exception):
    """The evaluation ends here, whatever is left of the record."""

    def __init__(self, result: SpfResult, detail: str) -> None:
        super().__init__(detail)
        self.result, self.detail = result, detail


async def check_host(resolver: Resolver, *, ip: str, sender: str, helo: str = "") -> Spf:
    """Evaluate a sender's SPF record for an address of ours."""
    local, _, domain = sender.rpartition("@")
    query = Query(ip_address(ip), local or "postmaster", domain.lower(), helo)
    return await _Evaluation(resolver, query).of(query.domain)


async def check_permission(resolver: Resolver, *, domain: str, addresses: Sequence[str], helo: str = "") -> Checked:
    """Tell whether a domain has a record, and permits each of our addresses."""
    found = {
        address: await check_host(resolver, ip=address, sender=f"postmaster@{domain}", helo=helo)
        for address in addresses or ("127.0.0.1",)
    }
    for one in found.values():
        if one.result is SpfResult.TEMPERROR:
            return Checked(Outcome.UNCLEAR, f"{one.detail}.")
        if one.result in (SpfResult.NONE, SpfResult.PERMERROR):
            return failed(f"{shown(one.detail)}.")
    if not addresses:
        return Checked(Outcome.UNCLEAR, f"{domain} has an SPF record; our own address, to compare, is not known here.")
    for address, one in found.items():
        if one.result is not SpfResult.PASS:
            return failed(f"The SPF record does not permit {address}: {one.result} ({shown(one.detail)}).")
    return passed(f"The SPF record permits {', '.join(addresses)}.")


class _Evaluation:
    """Counts what one check asks."""

    def __init__(self, resolver: Resolver, query: Query) -> None:
        self._resolver = resolver
        self._query = query
        self._budget = Budget(questions=QUESTIONS, seconds=SECONDS)
        self._lookups = self._void = 0

    async def of(self, domain: str) -> Spf:
        """Give the result for a domain; never raises but CancelledError."""
        record = ""
        try:
            record = await self._record_of(domain)
            if not record:
                return Spf(SpfResult.NONE, detail=f"{domain} has no SPF record")
            return await self._judge(read(record), domain, record)
        except Malformed as fault:
            return Spf(SpfResult.PERMERROR, record, str(fault))
        except _Ended as end:
            return Spf(end.result, record, end.detail)

    async def _record_of(self, domain: str) -> str:
        reply = await self._ask(domain, "TXT")
        records = [text for text in reply.records if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")]
        if len(records) > 1:
            raise _Ended(SpfResult.PERMERROR, f"{domain} has {len(records)} SPF records")
        return records[0] if records else ""

    async def _judge(self, terms: Record, domain: str, record: str) -> Spf:
        for term in terms.directives:
            if await self._matches(term, domain):
                return Spf(BY_QUALIFIER[term.qualifier], record, str(term))
        if terms.redirect:
            self._count()
            target = expand(terms.redirect, self._query, domain)
            found = await self.of(target)
            if found.result is SpfResult.NONE:
                raise _Ended(SpfResult.PERMERROR, f"redirect to {target}, which has no SPF record")
            return found
        return Spf(SpfResult.NEUTRAL, record, "nothing matches")

    async def _matches(self, term: Term, domain: str) -> bool:
        if term.name == "all":
            return True
        if term.network is not None:
            return self._query.ip in term.network
        self._count()
        target = expand(term.target, self._query, domain) if term.target else domain
        if term.name == "include":
            return await self._included(target)
        if term.name == "exists":
            return bool((await self._look_up(target, "A")).records)
        if term.name == "ptr":
            return await self._is_named_below(target)
        hosts = [target] if term.name == "a" else await self._mail_hosts(target)
        for host in hosts:
            if any(term.covers(self._query.ip, address) for address in await self._addresses(host)):
                return True
        return False

    async def _included(self, domain: str) -> bool:
        found = await self.of(domain)
        if found.result is SpfResult.TEMPERROR:
            raise _Ended(found.result, found.detail)
        if found.result in (SpfResult.PERMERROR, SpfResult.NONE):
            raise _Ended(SpfResult.PERMERROR, f"include:{domain}: {found.detail}")
        return found.result is SpfResult.PASS

    async def _mail_hosts(self, domain: str) -> list[str]:
        records = (await self._look_up(domain, "MX")).records
        if len(records) > MAX_NAMES:
            raise _Ended(SpfResult.PERMERROR, f"{domain} has more than {MAX_NAMES} mail hosts")
        return [name for _, _, name in (record.partition(" ") for record in records) if name != "."]

    async def _addresses(self, host: str) -> tuple[str, ...]:
        return (await self._look_up(host, "AAAA" if self._query.ip.version == 6 else "A")).records

    async def _is_named_below(self, domain: str) -> bool:
        names = (await self._look_up(self._query.ip.reverse_pointer, "PTR")).records[:MAX_NAMES]
        for name in names:
            is_below = name == domain or name.endswith(f".{domain}")
            if is_below and str(self._query.ip) in await self._addresses(name):
                return True
        return False

    async def _look_up(self, name: str, rdtype: str) -> DnsReply:
        """Ask for a term; nothing found counts against the domain."""
        reply = await self._ask(name, rdtype)
        if not reply.records:
            self._void += 1
            if self._void > MAX_VOID:
                raise _Ended(SpfResult.PERMERROR, f"more than {MAX_VOID} terms lead to nothing, the last to {name}")
        return reply

    async def _ask(self, name: str, rdtype: str) -> DnsReply:
        reply = await self._resolver.ask(name, rdtype, self._budget)
        if reply.status is DnsStatus.EXHAUSTED:
            raise _Ended(SpfResult.TEMPERROR, "too many questions, or too little time")
        if not reply.status.is_certain:
            raise _Ended(SpfResult.TEMPERROR, reply.detail or f"no answer for {name}")
        return reply

    def _count(self) -> None:
        self._lookups += 1
        if self._lookups > MAX_LOOKUPS:
            raise _Ended(SpfResult.PERMERROR, f"more than {MAX_LOOKUPS} terms that ask the DNS")
