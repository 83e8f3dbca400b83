from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from accounts.auth import KeyHolder, LicenseKeyAuthentication
from accounts.models import Account, LicenseKey
from tests.factories import make_account, make_key

PAST = datetime(2020, 1, 1, tzinfo=UTC)
UNKNOWN = "The license key is not known."


class Whose(APIView):
    authentication_classes = [LicenseKeyAuthentication]

    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        assert isinstance(request.auth, LicenseKey)
        assert isinstance(request.user, KeyHolder)
        return Response([request.auth.pk, request.user.account.pk])


def ask(**headers: str) -> Response:
    response = Whose.as_view()(APIRequestFactory().get("/", headers=headers))
    assert isinstance(response, Response)
    return response


def refusal(secret: str) -> tuple[int, str | None, Any]:
    response = ask(authorization=f"Bearer {secret}")
    return response.status_code, response.headers.get("WWW-Authenticate"), response.data["detail"]


@pytest.mark.django_db
def test_each_way_in() -> None:
    key, secret = make_key()
    for headers in (
        {"authorization": f"Bearer {secret}"},
        {"x-license-key": secret},
        {"authorization": "Basic " + b64encode(f"{secret}:".encode()).decode()},
        {"authorization": "Basic " + b64encode(f"api:{secret}".encode()).decode()},
    ):
        response = ask(**headers)
        assert (response.status_code, response.data) == (200, [key.pk, key.account_id])


@pytest.mark.django_db
def test_refusals_are_told_apart() -> None:
    deleted, unknown = make_key()
    deleted.delete()
    _, expired = make_key(expires_at=PAST)
    _, revoked = make_key(revoked_at=PAST)
    _, disabled = make_key(make_account(status=Account.Status.SUSPENDED))
    challenge = 'Bearer realm="api"'
    assert refusal("evp_live_typo") == (401, challenge, "The license key is in an incorrect format.")
    assert refusal(unknown) == (401, challenge, UNKNOWN)
    assert refusal(expired) == (401, challenge, "The license key has expired.")
    assert refusal(revoked) == (401, challenge, "The license key was revoked.")
    assert refusal(disabled) == (401, challenge, "The account is disabled.")


def test_no_key_is_401_with_a_challenge() -> None:
    response = ask()
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, 'Bearer realm="api"')


def test_two_keys_are_refused() -> None:
    response = ask(**{"authorization": "Bearer evp_a", "x-license-key": "evp_b"})
    assert response.status_code == 401


def test_schema_names_the_three_ways() -> None:
    generator = SchemaGenerator(patterns=[path("whose", Whose.as_view())])  # type: ignore[no-untyped-call]
    schema = generator.get_schema(public=True)  # type: ignore[no-untyped-call]
    schemes = schema["components"]["securitySchemes"]
    assert {name: scheme["type"] for name, scheme in schemes.items()} == {
        "bearerKey": "http",
        "headerKey": "apiKey",
        "basicKey": "http",
    }
