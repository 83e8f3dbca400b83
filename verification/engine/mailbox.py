"""One name for one mailbox: what providers do not tell apart is written one way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from verification.engine.types import Address


@dataclass(frozen=True, slots=True)
class Rule:
    """What a provider does not tell apart in its own domains; at domains it hosts for others each customer decides.

    `tag`: the sign behind which a local part says nothing of the mailbox; `signs`: how its other signs are filed.
    `domains` are namespaces of their own, unless `same_mailboxes`: then the first of them stands for all.
    """

    provider: str
    domains: tuple[str, ...]
    tag: str
    reason: str
    signs: Mapping[int, int | None] = field(default_factory=dict)
    same_mailboxes: bool = False


_YAHOO = (
    *("com", "ca", "co.id", "co.in", "co.nz", "co.th", "co.uk", "co.za", "com.ar", "com.au", "com.br", "com.hk"),
    *("com.mx", "com.my", "com.ph", "com.sg", "com.tr", "com.tw", "com.vn", "de", "es", "fr", "gr", "ie", "in"),
    *("it", "no", "pl", "ro", "se"),
)

RULES: tuple[Rule, ...] = (
    Rule(
        "gmail",
        ("gmail.com", "googlemail.com"),
        "+",
        "dots do not matter, plus tags, the German name",
        str.maketrans("", "", "."),
        same_mailboxes=True,
    ),
    Rule(
        "outlook.com",
        (
            *(
                "outlook.com",
                "outlook.de",
                "outlook.fr",
                "outlook.es",
                "outlook.it",
                "live.com",
                "live.co.uk",
                "live.de",
            ),
            *("live.fr", "hotmail.com", "hotmail.co.uk", "hotmail.de", "hotmail.fr", "hotmail.es", "hotmail.it"),
            "msn.com",
        ),
        "+",
        "plus tags; dots count",
    ),
    Rule("yahoo", tuple(f"yahoo.{end}" for end in _YAHOO), "-", "disposable names: base name, hyphen, keyword"),
    Rule(
        "icloud",
        ("icloud.com", "me.com", "mac.com"),
        "+",
        "plus tags; older names of the same mailbox",
        same_mailboxes=True,
    ),
    Rule(
        "proton",
        ("proton.me", "protonmail.com", "protonmail.ch", "pm.me"),
        "+",
        "plus tags; one name is one person's in all four domains; dots, hyphens, underscores do not matter",
        str.maketrans("", "", ".-_"),
        same_mailboxes=True,
    ),
    Rule("fastmail", ("fastmail.com", "fastmail.fm"), "+", "plus tags"),
    Rule("posteo", ("posteo.de", "posteo.net"), "+", "plus tags"),
    Rule("mailbox.org", ("mailbox.org",), "+", "plus tags"),
    Rule("hey", ("hey.com",), "+", "plus tags"),
    Rule(
        "yandex",
        ("yandex.ru", "yandex.com", "yandex.by", "yandex.kz", "ya.ru"),
        "+",
        "plus tags; one login in all domains, in which dots and hyphens are the same sign",
        str.maketrans(".", "-"),
        same_mailboxes=True,
    ),
)


def normalized(address: Address) -> str:
    """Give the mailbox as its provider would file it, lower case; elsewhere `address.mailbox` as it is.

    For telling duplicates apart, not for sending.  "" when the text is no address.
    """
    rule = _by_domain().get(address.ascii_domain)
    if rule is None or address.fault is not None:
        return address.mailbox
    local_part = address.mailbox.rpartition("@")[0].lower()
    if local_part.startswith('"'):
        return address.mailbox  # needs its quotes: none of these providers has such a mailbox
    base = local_part.partition(rule.tag)[0].translate(rule.signs)
    domain = rule.domains[0] if rule.same_mailboxes else address.ascii_domain
    return f"{base or local_part}@{domain}"


def domains_of(address: Address) -> frozenset[str]:
    """Give the domains in which the same mailbox may have a name: the address's own, and the provider's others."""
    rule = _by_domain().get(address.ascii_domain)
    others = rule.domains if rule is not None and rule.same_mailboxes else ()
    return frozenset({address.ascii_domain, *others})


@cache
def _by_domain() -> dict[str, Rule]:
    return {domain: rule for rule in RULES for domain in rule.domains}
