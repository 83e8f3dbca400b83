"""A sending domain's row of the config comes before the account's own, for jobs whose sender is of that domain."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.domain.config import OF_DOMAINS, steered_fields
from accounts.models import Account, AccountConfig
from tests.factories import make_account, make_key
from tests.verification.factories import make_domain, owner_of
from verification.models import Job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]
DOMAIN, OTHER = "good-sender.test", "bad-sender.test"
OFF = "DISABLED_IN_ACCOUNT_CONFIG Feature {} is disabled in AccountConfig for this account/domain"
TOO_MANY = "LIMIT_EXCEEDED Count limit exceeded for recipients"
HOURS = "FORBIDDEN_PARAMS Unsupported value for job.options.greylistHours"
TWO = ["sales@ok.test", "joe@ok.test"]


def make(account: dict[str, Any], domain: dict[str, Any]) -> Account:  # Any: toggles and limits
    """Give an account with two domains that are proved, of which one has a row."""
    made = make_account(**account)
    for name in (DOMAIN, OTHER):
        make_domain(name, account=made, proof="passed")
    AccountConfig.objects.create(account=made, sending_domain=DOMAIN, **domain)
    return made


def hand_in(account: Account, sender: str = "", query: str = "", **job: Any) -> str:  # Any: JSON
    """Hand a job in, or ask for a quote; gives how it is answered."""
    body: dict[str, Any] = {"recipients": [{"mail": {"to": [{"email": email} for email in TWO]}}], "job": job}
    if sender:
        body["mail"] = {"from": {"email": f"probe@{sender}"}}
    headers = {"Authorization": f"Bearer {make_key(account)[1]}"}
    sent = json.dumps(body)
    answer = Client().post(f"/api/v1/jobs{query}", sent, content_type="application/json", headers=headers).json()
    if "dryRun" in answer:
        return "PART" if answer["counts"]["refused"] else "FULL"
    state = answer["meta"]["state"]
    return f"{state['subType']} {state.get('description', '')}".strip()


SCANNED = {"features": {"antivirus": {"active": True}}}
GUESSED = {"features": {"catchAll": {"active": True}}}
ROWS: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any], str, str]] = [  # own row, domain's, job, without, with
    ({}, {"job_requests": False}, {}, "FULL", OFF.format("job_requests")),
    ({"job_requests": False}, {}, {}, OFF.format("job_requests"), "FULL"),
    ({}, {"addresses_per_job": 1}, {}, "FULL", TOO_MANY),
    ({"addresses_per_job": 1}, {}, {}, TOO_MANY, "FULL"),
    ({}, {"forbidden_local_parts": ["sales"]}, {}, "FULL", "PART"),
    ({"forbidden_local_parts": ["sales"]}, {}, {}, "PART", "FULL"),
    ({}, {"antivirus": True}, SCANNED, OFF.format("antivirus"), "FULL"),
    ({}, {"catch_all_probe": False}, GUESSED, "FULL", OFF.format("catchAll")),
    ({}, {"greylist_hours": 2}, {"options": {"greylistHours": 3}}, "FULL", HOURS),
    ({}, {"greylist_hours": 9}, {"options": {"greylistHours": 9}}, HOURS, "FULL"),
]


@pytest.mark.parametrize("query", ["", "?dryRun=true"])
@pytest.mark.parametrize(("own", "domain", "job", "without", "with_it"), ROWS)
def test_the_domains_row_comes_first(
    own: dict[str, Any], domain: dict[str, Any], job: dict[str, Any], without: str, with_it: str, query: str
) -> None:
    account = make(own, domain)
    answers = [hand_in(account, sender, query, **job) for sender in ("", OTHER, DOMAIN)]
    assert answers == [without, without, with_it]


def test_the_hours_of_a_job_are_its_domains() -> None:
    account = make({"greylist_hours": 3}, {"greylist_hours": 2})
    for sender in ("", DOMAIN):
        hand_in(account, sender)
    assert sorted(Job.objects.values_list("sending_domain", "greylist_hours")) == [("", 3), (DOMAIN, 2)]


def test_another_accounts_row_does_not_count() -> None:
    make({}, {"job_requests": False})
    assert hand_in(make({}, {}), DOMAIN) == "FULL"


def test_customers_see_what_is_otherwise_for_a_domain() -> None:
    account = make({}, {"catch_all_probe": False, "greylist_hours": 7, "exports": False})
    client = Client()
    client.force_login(owner_of(account))
    answer = client.get(reverse("features", args=[account.slug]))
    ((name, shown),) = answer.context["domains"]
    assert (name, [(one.name, one.is_on, one.value) for one in shown]) == (
        DOMAIN,
        [("catch_all_probe", False, ""), ("greylist_hours", True, "7")],
    )
    assert f"Jobs in the name of {DOMAIN}" in answer.content.decode()


def test_a_domain_steers_only_what_there_is() -> None:
    assert {field.name for field in steered_fields()} > OF_DOMAINS
