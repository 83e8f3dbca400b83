"""Secrets that we have to use again, sealed at rest under SECRET_KEY (Fernet: AES-128-CBC and HMAC-SHA-256).

Of passwords and license keys digests will do, as they are only compared; not so of what signs, or signs in elsewhere.
"""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class Unreadable(Exception):
    """Sealed under a key that is in neither SECRET_KEY nor SECRET_KEY_FALLBACKS."""


def seal(text: str) -> bytes:
    return _box().encrypt(text.encode())


def unseal(sealed: bytes | memoryview) -> str:
    """Give what was sealed.  Raises Unreadable."""
    try:
        return _box().decrypt(bytes(sealed)).decode()
    except InvalidToken:
        raise Unreadable from None


def _box() -> MultiFernet:
    return MultiFernet([Fernet(_key(str(secret))) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _key(secret: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(b"sealing:" + secret.encode()).digest())
