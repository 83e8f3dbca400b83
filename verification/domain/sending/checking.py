"""The checks of sending domains: by a schedule, or when somebody asks.

What the DNS did not answer leaves the last outcome as it is.  Domains are claimed by moving their next check, so that
two tasks at once check none twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import partial

from django.db import connection, transaction
from django.db.models import Max
from django.db.models.functions import Now

from verification.domain import bells
from verification.domain.doctor.site import our_addresses
from verification.domain.probing import engine_config
from verification.engine.resolver import Resolver
from verification.engine.senders.checked import Checked, Outcome
from verification.engine.senders.dkim import check_key
from verification.engine.senders.dmarc import check_policy
from verification.engine.senders.proof import check_proof
from verification.engine.senders.spf import check_permission
from verification.models import CheckKind, DomainCheck, SendingDomain

logger = logging.getLogger(__name__)

TASK = "verification.tasks.check_domains"
AT_ONCE = 20
ROUNDS = 20  # in one task
CHECK_SECONDS = 40.0  # for one domain
CLAIMED_FOR_SECONDS = 300
CHECK_AGAIN_SECONDS = 20  # before somebody may ask for a domain again

# Of domains that are well or not: how long until they are looked at again.
WELL, YOUNG, OLD, TROUBLED = timedelta(hours=6), timedelta(minutes=10), timedelta(hours=12), timedelta(minutes=10)
YOUNG_FOR = timedelta(days=3)  # records are being set up

CLAIM = """
UPDATE verification_sendingdomain SET next_check_at = now() + make_interval(secs => %(claimed_for)s)
WHERE id IN (
    SELECT d.id FROM verification_sendingdomain d
    JOIN accounts_account a ON a.id = d.account_id AND a.status = 'active'
    WHERE d.next_check_at <= now() ORDER BY d.next_check_at, d.id LIMIT %(limit)s FOR UPDATE OF d SKIP LOCKED
) RETURNING id
"""

Found = Mapping[CheckKind, Checked]


def ask() -> None:
    """Have domains that are due checked soon, by the queue."""
    transaction.on_commit(partial(bells.put, TASK))


def has_due() -> bool:
    """Tell whether any domain is to be checked."""
    return SendingDomain.objects.due().exists()


def check_now(domain: SendingDomain) -> bool:
    """Have a domain checked out of turn; False when that was done a moment ago."""
    soon = Now() - timedelta(seconds=CHECK_AGAIN_SECONDS)
    tried = SendingDomain.objects.filter(pk=domain.pk).annotate(tried_at=Max("checks__tried_at"))
    if tried.filter(tried_at__gt=soon).exists():
        return False
    SendingDomain.objects.filter(pk=domain.pk).update(next_check_at=Now(), asked_at=Now())
    ask()
    return True


def check_due() -> int:
    """Check what is due; gives how many domains were."""
    count = 0
    for _ in range(ROUNDS):
        claimed = claim()
        if not claimed:
            break
        domains = list(SendingDomain.objects.filter(pk__in=claimed))
        for domain, found in zip(domains, asyncio.run(look_at(domains)), strict=True):
            store(domain, found)
        count += len(domains)
    return count


def claim() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {"claimed_for": CLAIMED_FOR_SECONDS, "limit": AT_ONCE})
        return [domain_id for (domain_id,) in cursor.fetchall()]


async def look_at(domains: list[SendingDomain]) -> list[Found]:
    """Ask the DNS about domains, with a resolver that remembers nothing from before."""
    config = engine_config()
    resolver = Resolver(config)
    try:
        addresses, _ = await our_addresses(config, resolver)
        return list(
            await asyncio.gather(*(_look_at_one(resolver, one, addresses, config.helo_name) for one in domains))
        )
    finally:
        await resolver.aclose()


async def _look_at_one(resolver: Resolver, domain: SendingDomain, addresses: tuple[str, ...], helo: str) -> Found:
    name = domain.domain
    checks = {
        CheckKind.PROOF: check_proof(resolver, domain=name, token=domain.token),
        CheckKind.SPF: check_permission(resolver, domain=name, addresses=addresses, helo=helo),
        CheckKind.DKIM: check_key(resolver, domain=name, selector=domain.selector, wanted=domain.public_key),
        CheckKind.DMARC: check_policy(resolver, domain=name),
    }
    found = await asyncio.gather(
        *(asyncio.wait_for(check, CHECK_SECONDS) for check in checks.values()), return_exceptions=True
    )
    return {kind: _sure(kind, one) for kind, one in zip(checks, found, strict=True)}


def _sure(kind: CheckKind, found: Checked | BaseException) -> Checked:
    """A check that broke down says nothing of the domain."""
    if isinstance(found, Checked):
        return found
    if not isinstance(found, TimeoutError):
        logger.error("the check of %s broke down", kind, exc_info=found)
    return Checked(Outcome.UNCLEAR, "The check came to no end.")


@transaction.atomic
def store(domain: SendingDomain, found: Found) -> None:
    """Write what was found, unless the domain was changed meanwhile; then it is due again."""
    same = SendingDomain.objects.select_for_update(no_key=True).filter(
        pk=domain.pk, selector=domain.selector, public_key=domain.public_key
    )
    if not same.exists():
        return
    for kind, checked in found.items():
        check = DomainCheck.objects.filter(domain=domain, kind=kind)
        if checked.outcome is Outcome.UNCLEAR:
            check.update(tried_at=Now(), trouble=checked.cause)
        else:
            check.update(
                last_check=checked.outcome.value, cause=checked.cause, checked_at=Now(), tried_at=Now(), trouble=""
            )
    SendingDomain.objects.filter(pk=domain.pk).update(next_check_at=Now() + wait_after(domain, found), asked_at=None)


def wait_after(domain: SendingDomain, found: Found) -> timedelta:
    """Give how long a domain is left alone after what was found."""
    outcomes = {checked.outcome for checked in found.values()}
    if Outcome.UNCLEAR in outcomes:
        return TROUBLED
    if outcomes == {Outcome.PASSED}:
        return WELL
    is_young = SendingDomain.objects.filter(pk=domain.pk, created_at__gt=Now() - YOUNG_FOR).exists()
    return YOUNG if is_young else OLD
