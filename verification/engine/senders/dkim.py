"""DKIM keys (RFC 6376 section 3.6.1, RFC 8463): whether a selector has one that can be used."""

from __future__ import annotations

import base64
import binascii

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from verification.engine.resolver import Resolver
from verification.engine.senders.checked import Checked, failed, passed, texts, unclear
from verification.engine.senders.tags import TagsFaulty, read_tags

LEAST_RSA_BITS = 1_024  # RFC 8301 section 3.2
ED25519_BYTES = 32


class KeyFaulty(ValueError):
    """The record holds no key that can be used."""


def key_name(selector: str, domain: str) -> str:
    return f"{selector}._domainkey.{domain}"


async def check_key(resolver: Resolver, *, domain: str, selector: str, wanted: str = "") -> Checked:
    """Look at the key of a selector: the wanted one (p=), or any that can be used."""
    name = key_name(selector, domain)
    reply = await texts(resolver, name)
    if not reply.status.is_certain:
        return unclear(reply)
    if not reply.records:
        return failed(f"{name} has no TXT record.")
    if len(reply.records) > 1:  # section 3.6.2.2: the results are undefined
        return failed(f"{name} has {len(reply.records)} TXT records; it must have one.")
    try:
        kind, key = read_key(reply.records[0])
    except (KeyFaulty, TagsFaulty) as fault:
        return failed(f"{name}: {fault}.")
    if wanted and key != wanted:
        return failed(f"{name} has another key than the one shown here.")
    return passed(f"{name} has a key ({kind}).")


def read_key(record: str) -> tuple[str, str]:
    """Give the kind of a record's key, and the key as it stands there without blanks.  Raises KeyFaulty, TagsFaulty."""
    tags = read_tags(record)
    if "v" in tags and (tags["v"] != "DKIM1" or next(iter(tags)) != "v"):
        raise KeyFaulty("v= must come first and be DKIM1")
    if "p" not in tags:
        raise KeyFaulty("there is no p=, the key itself")
    key = "".join(tags["p"].split())
    if not key:
        raise KeyFaulty("the key was withdrawn (p= is empty)")
    services = tags.get("s", "*").replace(" ", "").split(":")
    if "*" not in services and "email" not in services:
        raise KeyFaulty("the key is not for mail (s=)")
    try:
        raw = base64.b64decode(key, validate=True)
    except binascii.Error:
        raise KeyFaulty("p= is no base64") from None
    kind = tags.get("k", "rsa").lower()
    if kind == "ed25519":
        if len(raw) != ED25519_BYTES:
            raise KeyFaulty("p= is no Ed25519 key")
        return "Ed25519", key
    if kind != "rsa":
        raise KeyFaulty(f"k={kind[:20]} is no kind of key that is known")
    return f"RSA, {_rsa_bits(raw)} bits", key


def _rsa_bits(raw: bytes) -> int:
    try:
        key = load_der_public_key(raw)
    except (ValueError, UnsupportedAlgorithm):
        raise KeyFaulty("p= is no RSA key") from None
    if not isinstance(key, RSAPublicKey):
        raise KeyFaulty("p= is no RSA key")
    if key.key_size < LEAST_RSA_BITS:
        raise KeyFaulty(f"an RSA key of {key.key_size} bits is too short")
    return key.key_size
