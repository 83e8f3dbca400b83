"""Calls to the API, as a customer's program makes them."""

from __future__ import annotations

from typing import Any

from django.test import Client

JOBS = "/api/v1/jobs"


def call(secret: str, method: str, path: str, **headers: str) -> Any:  # Any: Django's test response
    return Client().generic(method, path, headers={"authorization": f"Bearer {secret}"} | headers)


def problem(answer: Any) -> tuple[int, str, str | None]:  # Any: Django's test response
    assert answer["Content-Type"] == "application/problem+json"
    document = answer.json()
    return answer.status_code, document["detail"], document.get("code")
