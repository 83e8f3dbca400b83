"""Signatures of Standard Webhooks 1.0: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
RANDOM_BYTES = 32


def new_secret() -> str:
    """Give a secret of 256 random bits."""
    return PREFIX + base64.b64encode(secrets.token_bytes(RANDOM_BYTES)).decode()


def headers_of(message_id: str, timestamp: int, body: bytes, own_secrets: Sequence[str]) -> dict[str, str]:
    """Give the three headers that a receiver checks; signed with each secret, so that either one will do."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(message_id, timestamp, body, secret) for secret in own_secrets),
    }


def sign(message_id: str, timestamp: int, body: bytes, secret: str) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    content = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
