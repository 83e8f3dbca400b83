"""Names that belong to no mail server: our own addresses and what others say of them, and domains that send.

`"*"` stands for every name below.  Our addresses are in 127.1.0.0/24, where no mail server lives.
"""

from __future__ import annotations

from collections.abc import Mapping

REVERSE_ZONE = "1.127.in-addr.arpa"
SERVFAIL, SILENT = "SERVFAIL", "SILENT"  # in place of records

Data = Mapping[str, tuple[str, ...] | str]  # record type → data, or a fault for every type under "*"

OURS: dict[str, Data] = {
    "probe.candour.test": {"A": ("127.1.0.21", "127.1.0.22", "127.1.0.24", "127.1.0.26", "127.1.0.27")},
    "candour.test": {"TXT": ("v=spf1 ip4:127.1.0.21 ip4:127.1.0.24/31 ?ip4:127.1.0.27 -all",)},
    "21.0.1.127.in-addr.arpa": {"PTR": ("probe.candour.test",)},  # all is well
    "22.0.1.127.in-addr.arpa": {"PTR": ("other.candour.test",)},  # another name, listed, not in the SPF record
    "24.0.1.127.in-addr.arpa": {"*": SERVFAIL},
    "25.0.1.127.in-addr.arpa": {"PTR": ("probe.candour.test",)},  # the name does not lead back
    "26.0.1.127.in-addr.arpa": {"*": SILENT},
}

LISTS: dict[str, Data] = {
    "2.0.0.127.dnsbl.test": {"A": ("127.0.0.2",), "TXT": ("the entry for tests",)},
    "22.0.1.127.dnsbl.test": {"A": ("127.0.0.4",), "TXT": ("Listed, see https://dnsbl.test/22",)},
    "*.dnsbl-refusing.test": {"A": ("127.255.255.254",), "TXT": ("Error: open resolver",)},
    "*.dnsbl-everybody.test": {"A": ("127.0.0.2",)},
}

# Domains that customers send by, as docs/mail-world.md tells.  The key is RFC 8463's example.
PROOF = "candour-proof=of-the-mail-world"
KEY = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
SENDERS: dict[str, Data] = {
    "good-sender.test": {"TXT": ("some other text", "v=spf1 ip4:127.1.0.21 -all")},
    "_candour.good-sender.test": {"TXT": ("candour-proof=of-somebody-else", PROOF)},
    "candour._domainkey.good-sender.test": {"TXT": (f"v=DKIM1; k=ed25519; p={KEY}",)},
    "_dmarc.good-sender.test": {"TXT": ("v=DMARC1; p=reject; rua=mailto:dmarc@good-sender.test",)},
    "bad-sender.test": {"TXT": ("v=spf1 ip4:192.0.2.1 -all",)},
    "_candour.bad-sender.test": {"TXT": ("candour-proof=of-somebody-else",)},
    "candour._domainkey.bad-sender.test": {"TXT": ("v=DKIM1; p=",)},
    "_dmarc.bad-sender.test": {"TXT": ("v=DMARC1; p=perhaps",)},
    "bare-sender.test": {},
}

RECORDS: dict[str, Data] = OURS | LISTS | SENDERS


def find(name: str) -> Data | None:
    """Give the records of a lower-case name, None when it is no name of ours."""
    if name in RECORDS:
        return RECORDS[name]
    _, _, parent = name.partition(".")
    while parent:
        if f"*.{parent}" in RECORDS:
            return RECORDS[f"*.{parent}"]
        _, _, parent = parent.partition(".")
    return None


def exists(name: str) -> bool:
    """Tell whether a name has names below it, which makes it exist (RFC 8020)."""
    return any(known.removeprefix("*.") == name or known.endswith(f".{name}") for known in RECORDS)
