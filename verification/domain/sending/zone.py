"""What a customer is to put into the DNS."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext

from verification.engine.senders.dkim import key_name
from verification.engine.senders.dmarc import policy_name
from verification.engine.senders.proof import proof_name, proof_text
from verification.models import CheckKind, SendingDomain


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """A record to set; `value` is empty where there is nothing to copy."""

    kind: CheckKind
    name: str
    value: str
    words: str


def records_of(domain: SendingDomain) -> list[DnsRecord]:
    """Give the TXT records that the checks look for."""
    name = domain.domain
    key = f"v=DKIM1; k=ed25519; p={domain.public_key}" if domain.public_key else ""
    return [
        DnsRecord(
            CheckKind.PROOF,
            proof_name(name),
            proof_text(domain.token),
            gettext("Proves that the domain is yours. It must stay: it is looked at again and again."),
        ),
        DnsRecord(
            CheckKind.SPF,
            name,
            f"v=spf1 {permit()} ~all",
            gettext(
                "Permits our addresses to ask in your name. If there is a record already, add the middle part to it."
            ),
        ),
        DnsRecord(
            CheckKind.DKIM,
            key_name(domain.selector, name),
            key,
            gettext("A key for this selector. Nothing is ever signed with it: no message is sent from here.")
            if key
            else gettext("The key that your mail is signed with already."),
        ),
        DnsRecord(CheckKind.DMARC, policy_name(name), "v=DMARC1; p=none", gettext("Any policy will do.")),
    ]


def permit() -> str:
    """Give the part of an SPF record that permits us."""
    if settings.SOURCE_ADDRESSES:
        return " ".join(f"{'ip6' if ':' in address else 'ip4'}:{address}" for address in settings.SOURCE_ADDRESSES)
    return f"a:{settings.HELO_NAME}" if settings.HELO_NAME else "ip4:<our address>"
