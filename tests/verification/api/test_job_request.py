from __future__ import annotations

import json
from typing import Any

import pytest

from verification.api.job_request import JobRequest, read
from verification.api.rejections import Rejected
from verification.domain.intake import Recipient

JANE = {"mail": {"to": [{"email": "Jane <jane@example.com>"}, {"email": "joe@example.org"}]}, "reference": "crm-17"}
LONG = "a@" + "b" * 253


def to(*elements: Any) -> dict[str, Any]:  # Any: JSON
    return {"recipients": [{"mail": {"to": list(elements)}}]}


def test_the_simplest_request() -> None:
    assert read(b'{"recipients":[{"mail":{"to":[{"email":"a@b.c"}]}}]}', addresses_limit=1) == JobRequest(
        [Recipient(0, 0, "a@b.c")]
    )


def test_all_that_may_be_given() -> None:
    job: dict[str, Any] = {
        "referenceJob": "r" * 50,
        "costCenter": "c",
        "campaignId": "i",
        "features": {"catchAll": {"active": False}, "typoSuggestion": {"active": True}},
        "options": {"maxAgeSeconds": 60, "greylistHours": 2},
    }
    request = {"recipients": [JANE, {"mail": {"to": [{"email": "x"}], "cc": 1}}], "mail": {}, "job": job, "more": 1}
    assert read(json.dumps(request).encode(), addresses_limit=3) == JobRequest(
        [
            Recipient(0, 0, "Jane <jane@example.com>", "crm-17"),
            Recipient(0, 1, "joe@example.org", "crm-17"),
            Recipient(1, 0, "x"),
        ],
        reference_job="r" * 50,
        cost_center="c",
        campaign_id="i",
        features={"catchAll": False, "typoSuggestion": True},
        max_age=60,
        greylist_hours=2,
    )


@pytest.mark.parametrize(
    ("request_", "sub_type", "description"),
    [
        ({}, "MISSING_VALUE", "Missing mandatory value for recipients"),
        ({"recipients": None}, "MISSING_VALUE", "Missing mandatory value for recipients"),
        ({"recipients": []}, "MISSING_VALUE", "Missing mandatory value for recipients"),
        ({"recipients": [None]}, "MISSING_VALUE", "Missing mandatory value for recipients[0]"),
        ({"recipients": [JANE, {}]}, "MISSING_VALUE", "Missing mandatory value for recipients[1].mail"),
        ({"recipients": [{"mail": {}}]}, "MISSING_VALUE", "Missing mandatory value for recipients[0].mail.to"),
        (to(), "MISSING_VALUE", "Missing mandatory value for recipients[0].mail.to"),
        (to(None), "MISSING_VALUE", "Missing mandatory value for recipients[0].mail.to[0]"),
        (to({}), "MISSING_VALUE", "Missing mandatory value for recipients[0].mail.to[0].email"),
        (
            to({"email": "a@b.c"}, {"email": None}),
            "MISSING_VALUE",
            "Missing mandatory value for recipients[0].mail.to[1].email",
        ),
        (to({"email": ""}), "MISSING_VALUE", "Missing mandatory value for recipients[0].mail.to[0].email"),
        ([], "INVALID_FORMAT", "Invalid format for $"),
        ({"recipients": {}}, "INVALID_FORMAT", "Invalid format for recipients"),
        ({"recipients": ["a@b.c"]}, "INVALID_FORMAT", "Invalid format for recipients[0]"),
        ({"recipients": [{"mail": 1}]}, "INVALID_FORMAT", "Invalid format for recipients[0].mail"),
        ({"recipients": [{"mail": {"to": "a@b.c"}}]}, "INVALID_FORMAT", "Invalid format for recipients[0].mail.to"),
        (to("a@b.c"), "INVALID_FORMAT", "Invalid format for recipients[0].mail.to[0]"),
        (to({"email": 1}), "INVALID_FORMAT", "Invalid format for recipients[0].mail.to[0].email"),
        ({"recipients": [JANE | {"reference": 1}]}, "INVALID_FORMAT", "Invalid format for recipients[0].reference"),
        ({"recipients": [JANE], "job": []}, "INVALID_FORMAT", "Invalid format for job"),
        ({"recipients": [JANE], "mail": "x"}, "INVALID_FORMAT", "Invalid format for mail"),
        (
            {"recipients": [JANE], "job": {"costCenter": "a\0b"}},
            "INVALID_VALUE",
            "Invalid value for job.costCenter",
        ),
        (to({"email": LONG}), "LIMIT_EXCEEDED", "Size limit exceeded for recipients[0].mail.to[0].email"),
        (
            to({"email": f"Jane <{LONG}>"}),
            "LIMIT_EXCEEDED",
            "Size limit exceeded for recipients[0].mail.to[0].email",
        ),
        (
            {"recipients": [JANE | {"reference": "x" * 51}]},
            "LIMIT_EXCEEDED",
            "Size limit exceeded for recipients[0].reference",
        ),
        (
            {"recipients": [JANE], "job": {"referenceJob": "x" * 51}},
            "LIMIT_EXCEEDED",
            "Size limit exceeded for job.referenceJob",
        ),
        (to(*[{"email": "a@b.c"}] * 4), "LIMIT_EXCEEDED", "Count limit exceeded for recipients"),
        ({"recipients": [JANE], "mail": {"from": "a@b.c"}}, "INVALID_FORMAT", "Invalid format for mail.from"),
        (
            {"recipients": [JANE], "mail": {"from": {}}},
            "MISSING_VALUE",
            "Missing mandatory value for mail.from.email",
        ),
        (
            {"recipients": [JANE], "mail": {"from": {"email": 1}}},
            "INVALID_FORMAT",
            "Invalid format for mail.from.email",
        ),
        (
            {"recipients": [JANE], "mail": {"from": {"email": LONG}}},
            "LIMIT_EXCEEDED",
            "Size limit exceeded for mail.from.email",
        ),
        (
            {"recipients": [JANE], "mail": {"from": {"email": "a@b@c"}}},
            "INVALID_SENDER",
            "Invalid syntax for mail.from.email",
        ),
        (
            {"recipients": [JANE], "mail": {"from": {"email": "jörg@b.example"}}},
            "INVALID_SENDER",
            "Invalid syntax for mail.from.email",
        ),
        (
            {"recipients": [JANE], "mail": {"from": {"email": "a@[192.0.2.1]"}}},
            "INVALID_SENDER",
            "Invalid syntax for mail.from.email",
        ),
        (
            {"recipients": [JANE], "job": {"features": {"teleport": {"active": True}}}},
            "INVALID_VALUE",
            "Invalid value for job.features.teleport",
        ),
        (
            {"recipients": [JANE], "job": {"features": {"catchAll": {}}}},
            "MISSING_VALUE",
            "Missing mandatory value for job.features.catchAll.active",
        ),
        (
            {"recipients": [JANE], "job": {"features": {"catchAll": None}}},
            "MISSING_VALUE",
            "Missing mandatory value for job.features.catchAll",
        ),
        (
            {"recipients": [JANE], "job": {"features": {"catchAll": {"active": 1}}}},
            "INVALID_FORMAT",
            "Invalid format for job.features.catchAll.active",
        ),
        (
            {"recipients": [JANE], "job": {"options": {"greylistHours": 25}}},
            "INVALID_VALUE",
            "Invalid value for job.options.greylistHours",
        ),
        (
            {"recipients": [JANE], "job": {"options": {"greylistHours": 1.5}}},
            "INVALID_FORMAT",
            "Invalid format for job.options.greylistHours",
        ),
        (
            {"recipients": [JANE], "job": {"options": {"colour": 1}}},
            "INVALID_VALUE",
            "Invalid value for job.options.colour",
        ),
        (
            {"recipients": [JANE], "job": {"options": {"maxAgeSeconds": True}}},
            "INVALID_FORMAT",
            "Invalid format for job.options.maxAgeSeconds",
        ),
        (
            {"recipients": [JANE], "job": {"options": {"maxAgeSeconds": -1}}},
            "INVALID_VALUE",
            "Invalid value for job.options.maxAgeSeconds",
        ),
        (
            {"recipients": [JANE], "job": {"options": {"maxAgeSeconds": 2_592_001}}},
            "INVALID_VALUE",
            "Invalid value for job.options.maxAgeSeconds",
        ),
    ],
)
def test_refusals(request_: Any, sub_type: str, description: str) -> None:  # Any: JSON
    with pytest.raises(Rejected) as refused:
        read(json.dumps(request_).encode(), addresses_limit=3)
    assert (refused.value.sub_type, refused.value.description) == (sub_type, description)


def test_a_long_display_name_does_not_count() -> None:
    request = read(json.dumps(to({"email": f"{'Jane ' * 100}<jane@example.com>"})).encode(), addresses_limit=1)
    assert len(request.recipients) == 1


def test_what_is_no_json_says_where() -> None:
    body = b'{"recipients":\n [{"mail":{"to":[{"email":"a@b.c"}}}]}'
    with pytest.raises(Rejected) as refused:
        read(body, addresses_limit=1)
    assert (refused.value.status, refused.value.sub_type, refused.value.description) == (
        400,
        "INVALID_JSON_SYNTAX",
        "Unterminated array at line 2 column 36 path $.recipients[0].mail.to[1]",
    )
