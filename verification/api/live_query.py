"""Reads the query of the verification API, version 2: docs/api/verify-v2.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from accounts.domain.access import secret_in
from accounts.domain.keys import check_format
from accounts.domain.refusals import KeyMalformed
from verification.domain.live import LiveRequest

LONGEST_ADDRESS = 255
MAX_WAIT_SECONDS = 90.0
DEFAULT_WAIT_SECONDS = 20.0
OLDEST_SECONDS = 30 * 24 * 3600
DEFAULT_AGE_SECONDS = 7_200
SECONDS = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,3})?")
NAMES = frozenset(("k", "e", "max_wait", "max_age"))


class BadRequest(Exception):
    """A query that cannot be answered; str() is the reason."""


def read(
    *, query: bytes, authorization: str = "", license_key: str = "", sandbox: bool = False, client: str = ""
) -> LiveRequest:
    """Give what a query asks for.  A raw `+` is a plus sign, as callers write addresses.  Raises BadRequest."""
    values = dict(parameters(query))
    secret = read_secret(values.get("k", ""), authorization, license_key)
    email = values.get("e", "")
    if not email.strip():
        raise BadRequest("No email address")
    if len(email) > LONGEST_ADDRESS:
        raise BadRequest("Email address too long")
    try:
        check_format(secret)
    except KeyMalformed:
        raise BadRequest("License key in incorrect format") from None
    return LiveRequest(
        secret=secret,
        email=email,
        max_wait=seconds(values, "max_wait", 1, MAX_WAIT_SECONDS, DEFAULT_WAIT_SECONDS),
        max_age=int(seconds(values, "max_age", 0, OLDEST_SECONDS, DEFAULT_AGE_SECONDS)),
        sandbox=sandbox,
        client=client,
    )


def parameters(query: bytes) -> Iterator[tuple[str, str]]:
    """Give the parameters we know, each at most once."""
    seen = set()
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        decoded = unquote_to_bytes(name).decode("utf-8", "replace")
        if decoded not in NAMES:
            continue
        if decoded in seen:
            raise BadRequest(f"Parameter {decoded} given more than once")
        seen.add(decoded)
        try:
            yield decoded, unquote_to_bytes(value).decode("utf-8")
        except UnicodeDecodeError:
            raise BadRequest(f"Parameter {decoded} is not UTF-8") from None


def read_secret(in_query: str, authorization: str, license_key: str) -> str:
    try:
        in_header = secret_in(authorization=authorization, license_key=license_key)
    except KeyMalformed:
        raise BadRequest("License key in incorrect format") from None
    if in_query and in_header and in_query != in_header:
        raise BadRequest("License keys differ")
    secret = in_query or in_header
    if not secret:
        raise BadRequest("No license key")
    return secret


def secret_of(*, query: bytes, authorization: str, license_key: str) -> str:
    """Give the key of a query that cannot be answered, as far as it can be told; "" else."""
    try:
        return read_secret(dict(parameters(query)).get("k", ""), authorization, license_key)
    except BadRequest:
        return ""


def seconds(values: dict[str, str], name: str, least: float, most: float, default: float) -> float:
    text = values.get(name)
    if text is None:
        return default
    if not SECONDS.fullmatch(text) or not least <= float(text) <= most:
        raise BadRequest(f"Parameter {name} must be a number from {least:.0f} to {most:.0f}")
    return float(text)
