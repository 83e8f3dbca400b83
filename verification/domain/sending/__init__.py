"""Sending domains: registered, proved, checked by a schedule, and used as senders of probes."""

from verification.domain.sending.checking import CHECK_AGAIN_SECONDS, ask, check_due, check_now, has_due
from verification.domain.sending.registry import (
    MAX_DOMAINS,
    DomainKnown,
    DomainUnfit,
    SelectorUnfit,
    TooManyDomains,
    domains_of,
    register,
    remove,
    use_our_key,
    use_selector,
)
from verification.domain.sending.senders import (
    DkimNotPassed,
    Sender,
    SenderFaulty,
    SenderForbidden,
    check_sender,
    read_sender,
)
from verification.domain.sending.zone import DnsRecord, records_of

__all__ = [
    "CHECK_AGAIN_SECONDS",
    "MAX_DOMAINS",
    "DkimNotPassed",
    "DnsRecord",
    "DomainKnown",
    "DomainUnfit",
    "SelectorUnfit",
    "Sender",
    "SenderFaulty",
    "SenderForbidden",
    "TooManyDomains",
    "ask",
    "check_due",
    "check_now",
    "check_sender",
    "domains_of",
    "has_due",
    "read_sender",
    "records_of",
    "register",
    "remove",
    "use_our_key",
    "use_selector",
]
