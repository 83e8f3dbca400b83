"""Whether a domain is in the hands of who says so: a text that only its owner can put there."""

from __future__ import annotations

from verification.engine.resolver import Resolver
from verification.engine.senders.checked import Checked, failed, passed, shown, texts, unclear

LABEL = "_candour"
PREFIX = "candour-proof="


def proof_name(domain: str) -> str:
    return f"{LABEL}.{domain}"


def proof_text(token: str) -> str:
    return f"{PREFIX}{token}"


async def check_proof(resolver: Resolver, *, domain: str, token: str) -> Checked:
    """Look for the proof among the TXT records of its name; others beside it do no harm."""
    name = proof_name(domain)
    reply = await texts(resolver, name)
    if not reply.status.is_certain:
        return unclear(reply)
    found = [text.strip() for text in reply.records]
    if proof_text(token) in found:
        return passed(f"{name} has the proof.")
    if not found:
        return failed(f"{name} has no TXT record.")
    count = "a TXT record" if len(found) == 1 else f"{len(found)} TXT records"
    return failed(f"{name} has {count}, but not this proof: {shown(found[0])}.")
