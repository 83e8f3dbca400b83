"""Where webhooks may go: what a URL must look like, and which addresses its name may lead to.

A name is looked up anew for each sending, by our own resolver, and the connection goes to the address that was vetted:
nobody looks it up a second time (promise 16).
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

import idna
from django.conf import settings

from verification.engine.config import EngineConfig
from verification.engine.network import Guard
from verification.engine.resolver import Budget, Resolver

LONGEST_URL = 1_000
PORTS = {"https": 443, "http": 80}
LOOPBACK = ("127.0.0.0/8", "::1/128")


class UrlUnfit(ValueError):
    """No URL that a webhook can go to; the text says why."""


class TargetRefused(Exception):
    """The name leads nowhere, or inside; the text says which."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in parts; `host` in A-labels, or an address without brackets."""

    scheme: str
    host: str
    port: int
    path: str  # with the query

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = bracketed(self.host)
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    def url_at(self, ip: str) -> str:
        return f"{self.scheme}://{bracketed(ip)}:{self.port}{self.path}"


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def read_url(text: str) -> Target:
    """Read a URL: https on port 443; in development (WEBHOOKS_ANYWHERE) http and other ports, too.  Raises UrlUnfit."""
    if len(text) > LONGEST_URL:
        raise UrlUnfit(f"A URL has at most {LONGEST_URL:,} characters.")
    if not text.isprintable() or " " in text or "\\" in text:
        raise UrlUnfit("A URL holds no spaces, backslashes or control characters.")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise UrlUnfit("This is no URL.") from None
    if parts.scheme not in PORTS or (parts.scheme == "http" and not settings.WEBHOOKS_ANYWHERE):
        raise UrlUnfit("The URL must begin with https://.")
    if parts.username is not None or parts.password is not None:
        raise UrlUnfit("Name and password do not belong into the URL: anybody who sees it reads them.")
    if parts.fragment:
        raise UrlUnfit("A fragment (#…) is never sent; leave it out.")
    host = read_host(parts.hostname or "")
    port = PORTS[parts.scheme] if port is None else port
    if port != PORTS[parts.scheme] and not settings.WEBHOOKS_ANYWHERE:
        raise UrlUnfit("The port must be 443.")
    if ip_of(host) and not guard().permits(host):
        raise UrlUnfit("This address is not on the internet.")
    path = parts.path or "/"
    return Target(parts.scheme, host, port, f"{path}?{parts.query}" if parts.query else path)


def read_host(text: str) -> str:
    """Give a name in A-labels, or an address.  Raises UrlUnfit; also for numbers that some read as an address."""
    if ip_of(text):
        return text
    try:
        name = idna.encode(text.rstrip("."), uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        raise UrlUnfit("The URL's host is no name that the DNS knows.") from None
    last = name.rpartition(".")[2]
    if last.isdigit() or last.startswith("0x"):
        raise UrlUnfit("The URL's host is no name that the DNS knows.")
    if "." not in name and not (name == "localhost" and settings.WEBHOOKS_ANYWHERE):
        raise UrlUnfit("The URL's host needs a domain.")
    return name


def ip_of(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def guard() -> Guard:
    networks = [*settings.ALLOWED_NETWORKS, *(LOOPBACK if settings.WEBHOOKS_ANYWHERE else ())]
    return Guard(tuple(ip_network(network) for network in networks))


class Vetting:
    """Looks names up and says where to connect.  Of one event loop."""

    def __init__(self, config: EngineConfig) -> None:
        self._resolver = Resolver(config)
        self._guard = guard()

    async def address_of(self, host: str) -> str:
        """Give an address to connect to.  Raises TargetRefused: one address inside condemns the name."""
        if host == "localhost" and settings.WEBHOOKS_ANYWHERE:
            return "127.0.0.1"
        found = [host] if ip_of(host) else await self._look_up(host)
        if not found:
            raise TargetRefused(f"The DNS knows no address of {host}.")
        if not all(self._guard.permits(ip) for ip in found):
            raise TargetRefused("Its address is not on the internet.")
        return found[0]

    async def _look_up(self, host: str) -> list[str]:
        budget = Budget()
        replies = [await self._resolver.ask(host, rdtype, budget) for rdtype in ("A", "AAAA")]
        return [record for reply in replies for record in reply.records]

    async def aclose(self) -> None:
        await self._resolver.aclose()
