"""Requests made up from the OpenAPI schema, and naughty texts everywhere: every answer is one the schema describes.

FUZZ_REQUESTS says how many are made up, see tests/fuzz_api.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import requests
import schemathesis
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import KeyKind, LicenseKey
from tests.asgi_server import serving
from tests.engine.hostile.naughty import NAUGHTY
from tests.factories import make_account, make_key
from tests.verification.factories import give_verdict, make_job

pytestmark = pytest.mark.django_db(transaction=True)

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "600"))
IS_SUITE = "FUZZ_REQUESTS" not in os.environ
FAR_OFF = 2**40 + 7  # the number of the key that asks: none that is made up, or the key would revoke itself
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@dataclass(frozen=True)
class World:
    """A server, a sandbox key, and of its account a job that has results and another key."""

    url: str
    secret: str
    job: str
    other: LicenseKey


@pytest.fixture
def world() -> Iterator[World]:
    account = make_account(monthly_quota=1_000_000, license_keys=1_000)
    key, secret = make_key(account, KeyKind.SANDBOX)
    other, _ = make_key(account, KeyKind.SANDBOX)
    LicenseKey.objects.filter(pk=key.pk).update(id=FAR_OFF)
    key.pk = FAR_OFF
    job = make_job(["jane@ok.test", "joe@ok.test"], key=key)
    for check in job.checks.all():
        give_verdict(check)
    with serving() as url:
        yield World(url, secret, str(job.pk), other)


@schemathesis.serializer("message/rfc822")
def mail(ctx: Any, value: Any) -> bytes:  # Any: schemathesis has no type for it
    """Send a mail as it stands."""
    return str(value).encode("utf-8", "replace")


def described() -> Any:  # Any: schemathesis has no type for it
    return schemathesis.openapi.from_dict(Client().get("/api/schema?format=json").json())


def operations() -> list[Any]:  # Any: schemathesis's
    return [found.ok() for found in described().get_all_operations()]


def test_requests_made_up_from_the_schema(world: World) -> None:
    asked = operations()
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    each = max(REQUESTS // (len(asked) * len(modes)), 1)
    sent = 0
    with requests.Session() as session:
        for operation in asked:
            for mode in modes:
                sent += send(world, session, operation, mode, each)
    assert sent >= 0.5 * REQUESTS


def send(world: World, session: requests.Session, operation: Any, mode: GenerationMode, count: int) -> int:
    """Send requests of a kind to a route; gives how many.  Every second has a job, or key, that is there."""
    there = {"job_id": world.job, "key": world.secret, "key_id": world.other.pk}
    known = {name: value for name, value in there.items() if f"{{{name}}}" in operation.path}
    sent = 0
    for path_parameters in [None, known] if known else [None]:

        @given(case=operation.as_strategy(mode, path_parameters=path_parameters))
        @settings(
            max_examples=max(count // (2 if known else 1), 1),
            phases=[Phase.generate],
            database=None,
            deadline=None,
            derandomize=IS_SUITE,
            suppress_health_check=list(HealthCheck),
        )
        def ask(case: Any) -> None:
            nonlocal sent
            sent += 1
            headers = {"X-License-Key": world.secret}
            case.call_and_validate(base_url=world.url, session=session, headers=headers, checks=CHECKS)

        with suppress(Unsatisfiable):  # of a route that takes any text no request is wrong
            ask()
    return sent


def in_header(text: str) -> bytes:
    """Give what of a text a header can hold (RFC 9110 section 5.5)."""
    kept = (byte for byte in text.encode("utf-8", "surrogatepass") if byte >= 32 and byte != 127)
    return bytes(kept)[:4_000].strip()


JSON = {b"Content-Type": b"application/json"}


def naughty_requests(world: World, text: str) -> list[tuple[str, str, dict[str, Any]]]:  # Any: of httpx
    """Put a text into every place of the API that takes one."""
    raw = text.encode("utf-8", "surrogatepass")
    there = quote(raw[:2_000], safe="")
    key, odd = {b"X-License-Key": world.secret.encode()}, {b"X-License-Key": in_header(text)}
    email = {"email": text.encode("utf-8", "replace").decode()[:500]}
    two, results = "/api/emh/a/v2", f"/api/v1/jobs/{world.job}/results"
    return [
        ("GET", f"{two}?e={there}", {"headers": key}),
        ("GET", f"{two}?e=jane@ok.test&k={there}", {}),
        ("GET", f"{two}?e=jane@ok.test&max_wait={there}", {"headers": key}),
        ("GET", f"/v3/more/json/{world.secret}/{there}", {}),
        ("GET", f"/v3/more/json/{there}/jane@ok.test", {}),
        ("GET", f"/customer/reports/v3/quota/{there}", {}),
        ("POST", "/api/v1/verify", {"headers": key, "json": email}),
        ("POST", "/api/v1/verify", {"headers": key | {b"Idempotency-Key": in_header(text)}, "json": email}),
        ("POST", "/api/v1/verify", {"headers": odd, "json": email}),
        ("POST", "/api/v1/verify", {"headers": key | JSON, "content": raw}),
        ("POST", "/api/v1/jobs", {"headers": key, "json": {"recipients": [{"mail": {"to": [email]}}]}}),
        ("POST", "/api/v1/jobs", {"headers": key | JSON, "content": raw}),
        ("GET", "/api/v1/account", {"headers": odd}),
        ("GET", "/api/v1/account", {"headers": {b"Authorization": (b"Basic " + in_header(text)).strip()}}),
        ("GET", f"/api/v1/jobs/{there}", {"headers": key}),
        ("GET", f"{results}?after={there}", {"headers": key}),
        ("GET", f"{results}?limit={there}", {"headers": key}),
        ("POST", "/api/v1/keys", {"headers": key, "json": {"name": email["email"], "scopes": [email["email"]]}}),
        ("POST", "/api/v1/keys", {"headers": key, "json": {"name": "A", "allowedNetworks": [email["email"]]}}),
        ("POST", "/api/v1/keys", {"headers": key | JSON, "content": raw}),
        ("GET", f"/api/v1/keys/{there}", {"headers": key}),
        ("GET", f"/api/v1/keys?cursor={there}", {"headers": key}),
        ("POST", f"/api/v1/keys/{world.other.pk}/rotate", {"headers": key, "json": {"oldUntilTs": email["email"]}}),
        ("GET", f"{results}?result={there}&final={there}", {"headers": key}),
        ("GET", f"/api/v1/jobs?referenceJob={there}", {"headers": key}),
        ("GET", f"/api/v1/jobs?cursor={there}&from={there}", {"headers": key}),
        ("GET", f"/api/v1/usage?cursor={there}", {"headers": key}),
        ("POST", "/api/v1/erasures", {"headers": key, "json": email}),
        ("GET", f"/api/v1/erasures?cursor={there}", {"headers": key}),
        ("GET", f"/api/v1/usage?from={there}&by={there}", {"headers": key}),
    ]


def test_naughty_texts_everywhere(world: World) -> None:
    """In the suite each text goes to some of the places, each place gets some of the texts."""
    step = 20 if IS_SUITE else 1
    with httpx.Client(base_url=world.url, timeout=30) as client:
        for place, text in enumerate(NAUGHTY):
            for method, path, more in naughty_requests(world, text)[place % step :: step]:
                answer = client.request(method, path, **more)
                assert answer.status_code < 500, (method, path, text, answer.text)
