"""The name under which an account remembers a mailbox."""

from __future__ import annotations

import hashlib

from verification.engine.types import Address


def digest_of(address: Address, *, hash_key: bytes) -> bytes | None:
    """Give 32 bytes keyed by the account: equal mailboxes of two accounts do not look equal.  None on a fault."""
    return None if address.fault is not None else digest_of_mailbox(address.mailbox, hash_key=hash_key)


def digest_of_mailbox(mailbox: str, *, hash_key: bytes) -> bytes:
    return hashlib.blake2b(mailbox.encode("utf-8", "surrogatepass"), key=hash_key, digest_size=32).digest()
