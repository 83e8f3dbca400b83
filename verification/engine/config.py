"""Settings of the engine, handed in once; the engine reads no environment and no Django settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """How the engine meets the world.

    `resolvers` are (host, port) pairs; empty: those of /etc/resolv.conf.  `zone_resolvers` sends the names below a
    zone ("test") to other servers: the mail world in development.  `helo_name` or `mail_from` empty: no SMTP probe
    outside `probe_always_zones` (DNS only), because a nameless probe earns a bad name.
    """

    resolvers: tuple[tuple[str, int], ...] = ()
    zone_resolvers: dict[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    smtp_port: int = 25
    zone_smtp_ports: dict[str, int] = field(default_factory=dict)  # port of the mail hosts of domains below a zone
    helo_name: str = ""
    mail_from: str = ""
    probe_always_zones: frozenset[str] = frozenset()
    allowed_networks: tuple[IPv4Network | IPv6Network, ...] = ()  # inside ranges opened for the mail world
    source_addresses: tuple[str, ...] = ()
    concurrency: int = 1_000  # addresses in flight
    per_host: int = 5  # connections per mail-host organisation, at most
    deadline_seconds: float = 75.0  # per address
    extra_disposable: frozenset[str] = frozenset()
    extra_spam_traps: frozenset[str] = frozenset()  # domains or mailboxes
    probe_catch_all: bool = True


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """What one caller wants asked, and what its account knows.

    `extra_disposable` and `do_not_probe` hold ASCII domains (parents count; the latter mail hosts too),
    `extra_spam_traps` domains or mailboxes.  `mail_from` takes the place of the installation's probe sender.  `source`
    is the address that earlier tries came from; configured no longer, it is replaced, and the evidence says so.
    `dns_only` holds zones whose mail servers cannot be reached from here: one of `probe_always_zones`, or "" for all
    names outside of these.
    """

    mailbox_probe: bool = True
    catch_all_probe: bool = True
    spam_trap_check: bool = True
    disposable_check: bool = True
    typo_suggestion: bool = True
    extra_disposable: frozenset[str] = frozenset()
    extra_spam_traps: frozenset[str] = frozenset()
    do_not_probe: frozenset[str] = frozenset()
    dns_only: frozenset[str] = frozenset()
    mail_from: str = ""
    source: str = ""
