"""The address that was probably meant, told only when its domain takes mail."""

from __future__ import annotations

import asyncio
import logging

from verification.engine.case import Case
from verification.engine.resolver import DnsStatus, Resolver
from verification.engine.types import Result, Verdict
from verification.engine.typos import did_you_mean

LONGEST_SECONDS = 2.0  # the verdict stands already and must not wait for long
NULL_MX = "."

log = logging.getLogger(__name__)


async def suggest(resolver: Resolver, case: Case, verdict: Verdict, seconds_left: float) -> str:
    """Give the address with the common domain that its own resembles, "" where there is none or no time to ask.

    Only for addresses that failed by no trouble of ours.  Asks for one MX at most, out of the address's own budget.
    """
    if verdict.result is Result.OK or verdict.blame.is_ours:
        return ""
    if case.address.fault is not None or not case.options.typo_suggestion:
        return ""
    meant = did_you_mean(case.address.ascii_domain)
    if not meant or seconds_left <= 0:
        return ""
    try:
        async with asyncio.timeout(min(seconds_left, LONGEST_SECONDS)):
            reply = await resolver.ask(meant, "MX", case.budget)
    except TimeoutError:
        return ""
    except Exception:
        log.exception("A suggestion broke down")
        return ""
    takes_mail = reply.status is DnsStatus.OK and any(text.partition(" ")[2] != NULL_MX for text in reply.records)
    return f"{case.address.user}@{meant}" if takes_mail else ""
