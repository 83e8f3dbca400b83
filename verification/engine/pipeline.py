"""From an address to an answer: syntax, lists, DNS, mail hosts in turn; the verdict is judged from what was learned."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property, lru_cache

from verification.engine import lists, providers
from verification.engine.case import Case
from verification.engine.config import EngineConfig, ProbeOptions
from verification.engine.deadlines import Deadlines
from verification.engine.directory import MAX_ADDRESSES, Directory
from verification.engine.geo import country_of
from verification.engine.mail_hosts import MailHosts, MxHost
from verification.engine.mailbox import normalized
from verification.engine.network import Guard
from verification.engine.pacing import InProcessPacing, Pacing
from verification.engine.providers import Provider, organisation_of, provider_of
from verification.engine.resolver import Resolver
from verification.engine.smtp import commands
from verification.engine.smtp.client import DEFAULT_PATIENCE, Patience
from verification.engine.smtp.desk import Desk, Route
from verification.engine.smtp.queue import Inquiry
from verification.engine.suggestion import suggest
from verification.engine.syntax import parse
from verification.engine.types import (
    Answer,
    Attempt,
    CatchAll,
    MailHostsOutcome,
    Meaning,
    Stage,
    Trouble,
)
from verification.engine.verdict import BY_DNS, judge

MAX_CONNECTIONS = 4_000
SPARE_FILES = 200  # file descriptors that are not ours to use
MAX_DETAIL = 300

DEFAULT_OPTIONS = ProbeOptions()

CONCLUSIVE = frozenset({Meaning.ACCEPTED, Meaning.NO_MAILBOX, Meaning.MAILBOX_FULL, Meaning.NO_SMTPUTF8})

log = logging.getLogger(__name__)


class Engine:
    """Verifies addresses, thousands at once on one event loop; those with equal MX sets share connections."""

    def __init__(
        self,
        config: EngineConfig,
        *,
        pacing: Pacing | None = None,
        patience: Patience = DEFAULT_PATIENCE,
        resolver: Resolver | None = None,
    ) -> None:
        lists.load()
        providers.load()
        self._config = config
        self._guard = Guard(config.allowed_networks)
        self._resolver = resolver or Resolver(config)
        self._directory = Directory(self._resolver, self._guard)
        self._desk = Desk(
            config,
            pacing or InProcessPacing(config.per_host),
            self._guard,
            max_connections=_max_connections(),
            patience=patience,
        )

    async def verify(
        self, address: str, *, deadline_seconds: float | None = None, options: ProbeOptions = DEFAULT_OPTIONS
    ) -> Answer:
        """Give the answer for an address, at the deadline at the latest.  Raises CancelledError, MemoryError."""
        started = time.monotonic()
        parsed = parse(address)
        case = Case(parsed, options)
        seconds = self._config.deadline_seconds if deadline_seconds is None else deadline_seconds
        if parsed.fault is None:
            await self._examine(case, seconds)
        evidence = case.evidence()
        verdict = judge(evidence)
        meant = await suggest(self._resolver, case, verdict, started + seconds - time.monotonic())
        return Answer(
            email=parsed.text,
            user=parsed.user,
            domain=parsed.domain,
            verdict=verdict,
            role=case.role,
            free=case.free,
            disposable=case.disposable,
            mail_server_location=country_of(case.attempts[-1].address) if case.attempts else "",
            duration=round((time.monotonic() - started) * 1000),
            evidence=evidence,
            normalized=normalized(parsed),
            did_you_mean=meant,
        )

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()  # asks the kernel for our process id each time

    @cached_property
    def _deadlines(self) -> Deadlines:
        return Deadlines(self._loop)

    async def aclose(self) -> None:
        """Drop all connections."""
        await self._desk.aclose()
        await self._resolver.aclose()

    def known_catch_all(self, ascii_domain: str) -> CatchAll | None:
        """Give the catch-all probe of a domain, if there was one within a day."""
        return self._desk.catch_alls.known(ascii_domain)

    def remember_catch_all(self, ascii_domain: str, probe: CatchAll) -> None:
        """Take a probe that another process made."""
        self._desk.catch_alls.remember(ascii_domain, probe)

    async def _examine(self, case: Case, deadline_seconds: float) -> None:
        """Fill the case within the deadline."""
        try:
            self._look_up_lists(case)
            with self._deadlines.within(deadline_seconds):
                await self._ask_dns(case)
        except TimeoutError:
            case.note_deadline()
        except MemoryError:
            raise  # says nothing of this address: the process is in trouble
        except Exception as error:  # a bug of ours must never become a verdict on the address
            log.exception("A verification broke down")
            case.our_fault = f"{type(error).__name__}: {error}"[:MAX_DETAIL]

    def _look_up_lists(self, case: Case) -> None:
        address, options = case.address, case.options
        case.role = lists.is_role(address.user)
        case.free = lists.is_free(address.ascii_domain)
        extra = (self._config.extra_disposable, options.extra_disposable)
        case.disposable = lists.is_disposable(address.ascii_domain, *extra)
        traps = (self._config.extra_spam_traps, options.extra_spam_traps)
        case.is_spam_trap = options.spam_trap_check and lists.is_spam_trap(address, *traps)

    async def _ask_dns(self, case: Case) -> None:
        domain = case.address.ascii_domain
        found = self._directory.known(domain) or await self._directory.find(
            domain, case.budget, ahead=self._may_probe(case)
        )
        case.outcome, case.detail = found.outcome, found.detail[:MAX_DETAIL]
        if found.outcome in BY_DNS or case.is_spam_trap or (case.disposable and case.options.disposable_check):
            return
        if found.outcome is not MailHostsOutcome.FOUND:
            return
        case.not_probed = self._reason_not_to_probe(case, found.hosts)
        if not case.not_probed:
            await self._ask_hosts(case, found)

    def _reason_not_to_probe(self, case: Case, hosts: tuple[MxHost, ...]) -> str:
        options, domain = case.options, case.address.ascii_domain
        if options.do_not_probe and any(
            name in options.do_not_probe for host in (domain, *(host.name for host in hosts)) for name in _parents(host)
        ):
            return "do_not_probe"
        if not options.mailbox_probe:
            return "mailbox_probe_off"
        return "" if self._is_named(case) and not self._is_shut_in(case) else "dns_only"

    def _is_shut_in(self, case: Case) -> bool:
        """Tell whether the domain's mail servers are known to be out of our reach."""
        shut = case.options.dns_only
        return bool(shut) and self._zone_of(case.address.ascii_domain) in shut

    def _zone_of(self, domain: str) -> str:
        """Give which of the zones that are always probed a domain lies in, "" for none."""
        return next((zone for zone in _parents(domain) if zone in self._config.probe_always_zones), "")

    def _is_named(self, case: Case) -> bool:
        """Tell whether we have a name to greet with, or need none there."""
        if self._config.helo_name and (self._config.mail_from or case.options.mail_from):
            return True
        return bool(self._zone_of(case.address.ascii_domain))

    def _may_probe(self, case: Case) -> bool:
        """Tell, before anything is known of the mail hosts, whether one is likely to be asked."""
        unasked = case.is_spam_trap or (case.disposable and case.options.disposable_check)
        return case.options.mailbox_probe and not unasked and self._is_named(case) and not self._is_shut_in(case)

    async def _ask_hosts(self, case: Case, found: MailHosts) -> None:
        """Ask one host after the other until one is conclusive; dead ones last."""
        if case.options.source not in self._config.source_addresses:
            case.former_source = case.options.source
        outcomes: set[MailHostsOutcome] = set()
        last: list[tuple[MxHost, str]] = []
        for host in found.hosts:
            where = self._directory.known_addresses(host) or await self._directory.addresses(host, case.budget)
            outcomes.add(where.outcome)
            if where.guarded:
                case.attempts.append(Attempt(Stage.CONNECT, host.name, trouble=Trouble.GUARDED))
            alive = [address for address in where.addresses if not self._desk.dead.is_dead(address)]
            last.extend((host, address) for address in where.addresses if address not in alive)
            if await self._ask_host(case, found.key, host, alive):
                return
        for host, address in last:
            if await self._ask_host(case, found.key, host, [address]):
                return
        if MailHostsOutcome.FOUND not in outcomes:
            case.outcome = found.without_addresses(outcomes)

    async def _ask_host(self, case: Case, key: tuple[str, ...], host: MxHost, addresses: list[str]) -> bool:
        """Ask at one address after the other until somebody speaks.  True: nobody else need be asked."""
        for address in addresses:
            if len(case.attempts) >= MAX_ADDRESSES:
                return True
            attempt = await self._ask(case, key, host, address)
            case.attempts.append(attempt)
            if attempt.meaning is Meaning.ACCEPTED and self._wants_catch_all(case, host):
                case.catch_all = await self._desk.catch_alls.of(case.address.ascii_domain)
            if attempt.meaning in CONCLUSIVE:
                return True
            if not attempt.trouble:
                break  # the host spoke; its other addresses would say the same
        return False

    async def _ask(self, case: Case, key: tuple[str, ...], host: MxHost, address: str) -> Attempt:
        """Queue for one address of a host and wait for what it says."""
        inquiry = self._inquiry(case, host)
        if inquiry is None:
            return Attempt(Stage.RCPT, host.name, address, text="the address cannot be sent safely")
        assert inquiry.answer is not None
        port = self._port_of(case.address.ascii_domain)
        organisation = organisation_of(host.name, address)
        source = self._desk.source_for(address, organisation, case.options.source)
        case.inquiry = inquiry
        case.line = self._desk.put(Route(key, host.name, address, port, organisation, source), inquiry)
        try:
            attempt = await inquiry.answer
        except asyncio.CancelledError:
            case.note_deadline()
            case.line.drop(inquiry)
            raise
        finally:
            case.line = case.inquiry = None
        return self._weigh(case, host, attempt)

    def _inquiry(self, case: Case, host: MxHost) -> Inquiry | None:
        """Make the question; None when the address cannot be sent within one clean line."""
        address, options = case.address, case.options
        try:
            line = commands.recipient(address.mailbox, smtputf8=address.needs_smtputf8)
        except commands.UnsafeCommand:
            return None
        return Inquiry(
            line,
            address.ascii_domain,
            options.mail_from or self._desk.sender,
            address.needs_smtputf8,
            self._wants_catch_all(case, host),
            self._loop.create_future(),
        )

    def _wants_catch_all(self, case: Case, host: MxHost) -> bool:
        """Tell whether to ask for a random recipient; where everybody is accepted anyway it would tell nothing."""
        provider = _provider(host.name)
        return (
            case.options.catch_all_probe
            and self._config.probe_catch_all
            and (provider is None or not provider.accepts_everybody)
        )

    def _weigh(self, case: Case, host: MxHost, attempt: Attempt) -> Attempt:
        """Take a provider's word for what it is worth."""
        provider = _provider(host.name)
        if provider is None:
            return attempt
        case.provider = provider.name
        if (provider.accepts_everybody and attempt.meaning is Meaning.ACCEPTED) or (
            provider.refuses_everybody and attempt.meaning is Meaning.NO_MAILBOX
        ):
            return replace(attempt, meaning=Meaning.POLICY)
        return attempt

    def _port_of(self, domain: str) -> int:
        ports = self._config.zone_smtp_ports
        if not ports:
            return self._config.smtp_port
        return next((ports[zone] for zone in _parents(domain) if zone in ports), self._config.smtp_port)


@lru_cache(maxsize=16_384)
def _provider(mx_host: str) -> Provider | None:
    return provider_of(mx_host)


def _parents(domain: str) -> Iterator[str]:
    """Give a domain and the zones above it."""
    while domain:
        yield domain
        domain = domain.partition(".")[2]


def _max_connections() -> int:
    """Stay below the process's limit of open files."""
    try:
        import resource  # not on Windows
    except ImportError:
        return 400
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(50, min(MAX_CONNECTIONS, limit - SPARE_FILES))
