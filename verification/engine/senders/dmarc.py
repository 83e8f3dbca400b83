"""DMARC (RFC 7489 sections 6.3 and 6.6.3): whether a domain has a policy, its own or that of the domain above."""

from __future__ import annotations

from publicsuffixlist import PublicSuffixList

from verification.engine.resolver import Resolver
from verification.engine.senders.checked import Checked, failed, passed, texts, unclear
from verification.engine.senders.tags import TagsFaulty, read_tags

POLICIES = ("none", "quarantine", "reject")
_suffixes = PublicSuffixList()


def policy_name(domain: str) -> str:
    return f"_dmarc.{domain}"


async def check_policy(resolver: Resolver, *, domain: str) -> Checked:
    """Look for the policy of a domain, and where it has none, of its organisation."""
    organisation = _suffixes.privatesuffix(domain) or domain
    for owner in dict.fromkeys((domain, organisation)):
        name = policy_name(owner)
        reply = await texts(resolver, name)
        if not reply.status.is_certain:
            return unclear(reply)
        records = [text for text in reply.records if text.replace(" ", "").startswith("v=DMARC1")]
        if len(records) > 1:
            return failed(f"{name} has {len(records)} DMARC records; it must have one.")
        if records:
            return _judge(name, records[0], "p" if owner == domain else "sp")
    return failed(f"{policy_name(domain)} has no DMARC record.")


def _judge(name: str, record: str, tag: str) -> Checked:
    try:
        tags = read_tags(record)
    except TagsFaulty as fault:
        return failed(f"{name}: {fault}.")
    policy = tags.get(tag, tags.get("p", "")).lower()
    if policy not in POLICIES:
        return failed(f"{name}: p= must be one of {', '.join(POLICIES)}.")
    return passed(f"{name} says {policy}.")
