"""The staff's view of people, accounts, keys and quota."""

from accounts.admin import (
    account,
    config,
    feature_requests,
    invitations,
    keys,
    log,
    outbox,
    public_texts,
    quota,
    sessions,
    users,
)

__all__ = [
    "account",
    "config",
    "feature_requests",
    "invitations",
    "keys",
    "log",
    "outbox",
    "public_texts",
    "quota",
    "sessions",
    "users",
]
