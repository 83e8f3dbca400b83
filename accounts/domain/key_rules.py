"""What may be asked of a key: read from what people and programs write, told by field when it cannot be."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_network

from accounts.models import KeyKind, LicenseKey, Scope

LONGEST_NAME = 100
NETWORKS_AT_MOST = 50
LONGEST_OVERLAP = timedelta(days=90)
LARGEST_LIMIT = 1_000_000_000


class KeyFaulty(ValueError):
    """A key cannot be made or changed so; `field` says what is wrong, `str()` how."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class KeyBeyond(Exception):
    """A key would be able to do more than the key that gives it; `field` says in what, `str()` why."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def read_name(text: str) -> str:
    name = " ".join(text.split())
    if not name or not name.isprintable():
        raise KeyFaulty("name", "Give the key a name.")
    if len(name) > LONGEST_NAME:
        raise KeyFaulty("name", f"A name has at most {LONGEST_NAME} characters.")
    return name


def read_scopes(scopes: Iterable[str]) -> list[str]:
    """Give known scopes in their usual order, each once."""
    wanted = set(scopes)
    unknown = sorted(wanted - set(Scope.values))
    if unknown:
        raise KeyFaulty("scopes", f"There is no scope {unknown[0][:50]!r}.")
    if not wanted:
        raise KeyFaulty("scopes", "Choose what the key is for.")
    return [scope for scope in Scope.values if scope in wanted]


def read_networks(texts: Iterable[str]) -> list[str]:
    """Give networks as Postgres writes them; a single address is a network of one, `192.0.2.7/24` the one around it."""
    networks: dict[str, None] = {}
    for text in texts:
        try:
            networks[str(ip_network(text.strip(), strict=False))] = None
        except ValueError:
            message = f"{text.strip()[:50]!r} is no network. Write one like 192.0.2.0/24 or 2001:db8::/32."
            raise KeyFaulty("allowed_networks", message) from None
        if len(networks) > NETWORKS_AT_MOST:
            raise KeyFaulty("allowed_networks", f"A key takes at most {NETWORKS_AT_MOST} networks.")
    return list(networks)


def read_expiry(moment: datetime | None, *, now: datetime) -> datetime | None:
    if moment is not None and moment <= now:
        raise KeyFaulty("expires_at", "A key cannot expire in the past.")
    return moment


def read_limit(field: str, number: int | None) -> int | None:
    """Give a limit of a key's own; None is none."""
    if number is not None and not 1 <= number <= LARGEST_LIMIT:
        raise KeyFaulty(field, f"A limit is a number from 1 to {LARGEST_LIMIT:,}.")
    return number


def read_overlap(moment: datetime | None, *, now: datetime) -> datetime | None:
    """Give until when the secret before is still let in; None is not at all."""
    if moment is None or moment <= now:
        return None
    if moment > now + LONGEST_OVERLAP:
        raise KeyFaulty("old_until", f"The old secret may stay for at most {LONGEST_OVERLAP.days} days.")
    return moment


def require_within(giver: LicenseKey, key: LicenseKey) -> None:
    """See that a key may do no more than the key that gives it.  Raises KeyBeyond."""
    if key.kind == KeyKind.LIVE and giver.kind != KeyKind.LIVE:
        raise KeyBeyond("kind", "A sandbox key gives sandbox keys only.")
    if key.kind == KeyKind.LIVE and (giver.monthly_cap or giver.calls_per_minute):
        raise KeyBeyond("kind", "A key with limits of its own gives no live keys: together they could use more.")
    missing = [scope for scope in key.scopes if scope not in giver.scopes]
    if missing:
        raise KeyBeyond("scopes", f"The key that asks does not have the scope {missing[0]} itself.")
    if not _covers(giver.allowed_networks, key.allowed_networks):
        raise KeyBeyond("allowed_networks", "The key that asks may not be used from all of these networks itself.")
    if giver.expires_at is not None and (key.expires_at is None or key.expires_at > giver.expires_at):
        raise KeyBeyond("expires_at", "The key that asks expires before that itself.")


def _covers(outer: list[str], inner: list[str]) -> bool:
    """Tell whether each network of `inner` lies in one of `outer`; no networks are all of them."""
    if not outer:
        return True
    return bool(inner) and all(any(_lies_in(network, other) for other in outer) for network in inner)


def _lies_in(network: str, other: str) -> bool:
    left, right = ip_network(network), ip_network(other)
    return left.version == right.version and left.subnet_of(right)  # type: ignore[arg-type]  # of one version
