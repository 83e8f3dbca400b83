"""Which domains an account has: added, changed, removed."""

from __future__ import annotations

import base64
import re
import secrets

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from publicsuffixlist import PublicSuffixList

from accounts.domain import audit
from accounts.domain.audit import Action
from accounts.models import Account, User
from verification.domain.sending.checking import ask
from verification.domain.sending.senders import ascii_domain_of
from verification.models import CheckKind, DomainCheck, LastCheck, SendingDomain
from verification.models.sending import SendingDomainQuerySet

MAX_DOMAINS = 50  # of one account
OUR_SELECTOR = "candour"
TOKEN_BYTES = 20
_SELECTOR = re.compile(r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?)*")
_suffixes = PublicSuffixList()


class DomainUnfit(ValueError):
    """The text is no domain that somebody can have."""


class DomainKnown(Exception):
    """The account has this domain already."""


class TooManyDomains(Exception):
    """The account has as many domains as it may."""


class SelectorUnfit(ValueError):
    """The text is no selector."""


def domains_of(account: Account) -> SendingDomainQuerySet:
    """Give an account's domains with their checks."""
    return SendingDomain.objects.of(account).prefetch_related("checks").order_by("domain")


@transaction.atomic
def register(*, account: Account, domain: str, actor: User) -> SendingDomain:
    """Add a domain and have it checked.  Raises DomainUnfit, DomainKnown, TooManyDomains."""
    name = read_domain(domain)
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)  # counted under a lock
    if SendingDomain.objects.of(account).count() >= MAX_DOMAINS:
        raise TooManyDomains
    row = SendingDomain(
        account=account,
        domain=name,
        token=secrets.token_urlsafe(TOKEN_BYTES),
        selector=OUR_SELECTOR,
        public_key=new_public_key(),
        created_by=actor,
    )
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise DomainKnown from None
    DomainCheck.objects.bulk_create([DomainCheck(domain=row, kind=kind) for kind in CheckKind])
    audit.record(action=Action.DOMAIN_ADDED, actor=actor, target=row, account=account, after={"domain": name})
    ask()
    return row


def read_domain(text: str) -> str:
    """Give a domain in lower-case A-labels.  Raises DomainUnfit."""
    name = ascii_domain_of(text.strip().removeprefix("@").rstrip("."))
    if not name or "." not in name or name.startswith("["):
        raise DomainUnfit("This is no domain name.")
    if _suffixes.is_public(name):
        raise DomainUnfit("This is a domain that others register theirs below; nobody sends by it.")
    return name


def new_public_key() -> str:
    """Make a key and give its public half; the other is kept by nobody, as nothing is ever signed here."""
    return base64.b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()


def use_selector(*, domain: SendingDomain, selector: str, actor: User) -> None:
    """Have the key of another selector looked at, which the domain's mail is signed with.  Raises SelectorUnfit."""
    name = selector.strip().lower().removesuffix(f"._domainkey.{domain.domain}")
    if not _SELECTOR.fullmatch(name) or len(name) > 63:
        raise SelectorUnfit("A selector has letters, digits, hyphens and dots, at most 63.")
    _change(domain, name, "", actor)


def use_our_key(*, domain: SendingDomain, actor: User) -> None:
    """Have a key of ours looked at, a new one."""
    _change(domain, OUR_SELECTOR, new_public_key(), actor)


@transaction.atomic
def _change(domain: SendingDomain, selector: str, public_key: str, actor: User) -> None:
    """Another key: what was known of the one before holds no more."""
    before = {"selector": domain.selector, "public_key": domain.public_key}
    after = {"selector": selector, "public_key": public_key}
    domain.selector, domain.public_key = selector, public_key
    SendingDomain.objects.filter(pk=domain.pk).update(next_check_at=Now(), asked_at=Now(), **after)
    DomainCheck.objects.filter(domain=domain, kind=CheckKind.DKIM).update(
        last_check=LastCheck.NEVER, checked_at=None, cause="", tried_at=None, trouble=""
    )
    audit.record(
        action=Action.DOMAIN_CHANGED, actor=actor, target=domain, account=domain.account, before=before, after=after
    )
    ask()


@transaction.atomic
def remove(*, domain: SendingDomain, actor: User) -> None:
    """Take a domain away; jobs that name it go on by the sender they have."""
    audit.record(
        action=Action.DOMAIN_REMOVED,
        actor=actor,
        target=domain,
        account=domain.account,
        before={"domain": domain.domain},
    )
    domain.delete()
