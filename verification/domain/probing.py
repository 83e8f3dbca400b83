"""How this installation probes: the engine's settings and what an account's toggles allow."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from django.conf import settings

from accounts.models import AccountConfig
from verification.engine.config import EngineConfig, ProbeOptions

MAIL_WORLD_ZONE = "test"
MAIL_WORLD_REVERSE = "1.127.in-addr.arpa"  # names of its addresses
MAIL_WORLD_NETWORK = "127.1.0.0/16"


def engine_config() -> EngineConfig:
    """Read the settings; in development `.test` goes to the mail world and every other name to the real DNS."""
    networks = list(settings.ALLOWED_NETWORKS)
    mail_world: tuple[str, ...] = ()
    name_servers: dict[str, tuple[tuple[str, int], ...]] = {}
    if settings.MAIL_WORLD:
        networks.append(MAIL_WORLD_NETWORK)
        mail_world = (MAIL_WORLD_ZONE,)
        its_server = (host_and_port(settings.MAIL_WORLD_DNS),)
        name_servers = dict.fromkeys((MAIL_WORLD_ZONE, MAIL_WORLD_REVERSE), its_server)
    return EngineConfig(
        resolvers=tuple(host_and_port(resolver) for resolver in settings.RESOLVERS),
        zone_resolvers=name_servers,
        zone_smtp_ports=dict.fromkeys(mail_world, settings.MAIL_WORLD_SMTP_PORT),
        probe_always_zones=frozenset(mail_world),
        helo_name=settings.HELO_NAME,
        mail_from=settings.PROBE_SENDER,
        allowed_networks=tuple(ip_network(network) for network in networks),
        source_addresses=source_addresses(),
        concurrency=settings.PROBE_CONCURRENCY,
        per_host=settings.PROBE_PER_HOST,
        extra_disposable=frozenset({"dea.test"} if mail_world else ()),
        extra_spam_traps=frozenset({"trap.test"} if mail_world else ()),
    )


def source_addresses() -> tuple[str, ...]:
    """Give our own addresses as the kernel and the database write them.  Raises ValueError for what is none."""
    return tuple(str(ip_address(address)) for address in settings.SOURCE_ADDRESSES)


def host_and_port(text: str) -> tuple[str, int]:
    """Read `host:port` or `[v6]:port`; the port of DNS where none is given."""
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):
        return text.strip("[]"), 53
    return host.strip("[]"), int(port)


def probe_options(
    config: AccountConfig, *, do_not_probe: frozenset[str] = frozenset(), dns_only: frozenset[str] = frozenset()
) -> ProbeOptions:
    """Translate an account's toggles for the engine, and name who is not to be asked and who is out of reach."""
    return ProbeOptions(
        mailbox_probe=config.mailbox_probe,
        catch_all_probe=config.catch_all_probe,
        typo_suggestion=config.typo_suggestion,
        spam_trap_check=config.spam_trap_check,
        disposable_check=config.disposable_check,
        do_not_probe=do_not_probe,
        dns_only=dns_only,
    )
