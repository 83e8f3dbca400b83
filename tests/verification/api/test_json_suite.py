"""The public suite of JSON parsers: what must be refused, with its place, and what must be accepted."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.factories import make_key
from verification.api.json_reader import JsonRefused, load

SUITE = Path("tests/data/json-test-suite.jsonl")
DEEP = {
    "n_structure_100000_opening_arrays": b"[" * 100_000,
    "n_structure_open_array_object": b'[{"":' * 50_000 + b"\n",
}
CASES: list[dict[str, Any]] = [json.loads(line) for line in SUITE.read_text(encoding="utf-8").splitlines()]
TWICE = ["y_object_duplicated_key", "y_object_duplicated_key_and_value"]  # which we refuse: docs/api/job-request.md


def body_of(case: dict[str, Any]) -> bytes:  # Any: JSON
    return case["text"].encode() if "text" in case else base64.b64decode(case["base64"])


def named(first: str) -> list[Any]:  # Any: pytest's parameters
    return [pytest.param(case, id=case["name"]) for case in CASES if case["name"].startswith(first)]


def test_the_suite_is_whole() -> None:
    kinds = [case["name"][:2] for case in CASES]
    assert (kinds.count("y_"), kinds.count("n_") + len(DEEP)) == (95, 188)


@pytest.mark.parametrize("case", named("y_"))
def test_what_must_be_accepted(case: dict[str, Any]) -> None:  # Any: JSON
    if case["name"] in TWICE:
        with pytest.raises(JsonRefused, match=re.escape(case["refused"])):
            load(body_of(case))
    else:
        assert load(body_of(case)) == json.loads(body_of(case))


@pytest.mark.parametrize("case", named("n_"))
def test_what_must_be_refused(case: dict[str, Any]) -> None:  # Any: JSON
    with pytest.raises(JsonRefused) as refused:
        load(body_of(case))
    assert str(refused.value) == case["refused"]


@pytest.mark.django_db
def test_a_job_request_of_each_kind_is_answered_with_the_place() -> None:
    headers = {"authorization": f"Bearer {make_key()[1]}", "content-type": "application/json"}
    deep = {"n_structure_100000_opening_arrays": "$" + "[0]" * 100, "n_structure_open_array_object": "$" + "[0]." * 50}
    bodies = [(body_of(case), case["refused"]) for case in CASES if case["name"].startswith("n_")]
    for name, column in (("n_structure_100000_opening_arrays", 102), ("n_structure_open_array_object", 252)):
        bodies.append((DEEP[name], f"Nesting limit 100 reached at line 1 column {column} path {deep[name]}"))
    client = Client()
    for body, words in bodies:
        answer = client.generic("POST", "/api/v1/jobs", body, headers=headers, CONTENT_TYPE="application/json")
        state = answer.json()["meta"]["state"]
        assert (answer.status_code, state["subType"], state["description"]) == (400, "INVALID_JSON_SYNTAX", words)
