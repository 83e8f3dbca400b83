"""Job requests of any shape, and cut short anywhere: taken, or refused with a place."""

from __future__ import annotations

import json
import re

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories import make_key
from tests.verification.api.calls import JOBS
from verification.api.job_request import read
from verification.api.rejections import Rejected
from verification.models import Job

WHOLE = """{
 "recipients": [{"mail": {"to": [{"email": "Jané <jane@ok.test>"}]}, "reference": "a \\"b\\" \\u00e9"}],
 "job": {"costCenter": "c", "features": {"catchAll": {"active": false}}, "options": {"maxAgeSeconds": 60}}
}""".encode()
SYNTAX = re.compile(r".+ at line [1-9][0-9]* column [1-9][0-9]* path \$[^ ]*")
FAULT = re.compile(
    r"(Missing mandatory value|Invalid value|Invalid format|Unsupported value|(Size|Count) limit exceeded) for .+", re.S
)
NAMES = [
    *("recipients", "mail", "to", "from", "email", "reference", "job", "referenceJob", "costCenter", "campaignId"),
    *("features", "catchAll", "antivirus", "active", "options", "maxAgeSeconds", "greylistHours", "attachments"),
]
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.sampled_from(["", "a@ok.test"]), st.text()
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=4),
    max_leaves=12,
)
TO = st.lists(st.fixed_dictionaries({"email": LEAVES}) | ANYTHING, max_size=3) | ANYTHING
RECIPIENTS = st.lists(
    st.fixed_dictionaries({"mail": st.fixed_dictionaries({"to": TO}) | ANYTHING}, optional={"reference": LEAVES})
    | ANYTHING,
    max_size=3,
)
REQUESTS = st.fixed_dictionaries({}, optional=dict.fromkeys(("mail", "job", "attachments"), ANYTHING)).flatmap(
    lambda rest: RECIPIENTS.map(lambda recipients: {"recipients": recipients} | rest)
)


@settings(max_examples=600, deadline=None, derandomize=True, database=None)
@given(REQUESTS | ANYTHING)
def test_any_shape_is_read_or_refused_with_a_path(document: object) -> None:
    refusal = refusal_of(json.dumps(document).encode())
    if refusal is not None:
        assert refusal.status in (400, 403)
        assert FAULT.fullmatch(refusal.description) or SYNTAX.fullmatch(refusal.description)


def refusal_of(body: bytes) -> Rejected | None:
    try:
        read(body, addresses_limit=4)
    except Rejected as refusal:
        return refusal
    return None


@pytest.mark.django_db
def test_a_body_cut_at_any_byte_is_refused_with_a_place_and_keeps_nothing() -> None:
    _, secret = make_key()
    kind = "application/json"
    client = Client(headers={"authorization": f"Bearer {secret}", "content-type": kind})  # of an empty body, too
    for length in range(len(WHOLE)):
        answer = client.post(JOBS, WHOLE[:length], content_type=kind)
        state = answer.json()["meta"]["state"]
        assert (answer.status_code, state["subType"]) == (400, "INVALID_JSON_SYNTAX"), length
        assert SYNTAX.fullmatch(state["description"]), length
    assert Job.objects.count() == 0
    assert client.post(JOBS, WHOLE, content_type=kind).status_code == 202
