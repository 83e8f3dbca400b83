"""The main job, as a customer does it: sign in, upload a list, watch it, download, compare every verdict."""

from __future__ import annotations

import csv
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Portal

# Written by hand from docs/mail-world.md: local part, domain, verdict.  {n} makes each address its own.
TRUTH = [
    ("user{n}", "ok-{n}.test", "Ok", "Success"),
    ("missing{n}", "ok-{n}.test", "Bad", "MailboxDoesNotExist"),
    ("full{n}x", "ok-{n}.test", "Bad", "MailboxFull"),
    ("user{n}", "bulk-{n}.test", "Ok", "Success"),
    ("missing{n}", "bulk-7.test", "Bad", "MailboxDoesNotExist"),
    ("user{n}", "bulk-7.test", "Ok", "Success"),
    ("user{n}", "plain-{n}.test", "Ok", "Success"),
    ("user{n}", "starttls.test", "Ok", "Success"),
    ("josé{n}", "noutf8.test", "Bad", "ServerDoesNotSupportInternationalMailboxes"),
    ("user{n}", "catchall-{n}.test", "Unverifiable", "ServerIsCatchAll"),
    ("user{n}", "greylist-{n}.test", "Unverifiable", "GreyListing"),
    ("user{n}", "blocked-{n}.test", "RetryLater", "TransientNetworkFault"),
    ("user{n}", "broken-{n}.test", "RetryLater", "TransientNetworkFault"),
    ("user{n}", "policy-{n}.test", "Unverifiable", "None"),
    ("user{n}", "relay-{n}.test", "Unverifiable", "None"),
    ("user{n}", "mute-{n}.test", "Unverifiable", "None"),
    ("user{n}", "reset-rcpt-{n}.test", "RetryLater", "TransientNetworkFault"),
    ("user{n}", "implicit-{n}.test", "Ok", "Success"),
    ("user{n}", "nullmx-{n}.test", "Bad", "NoMxServersFound"),
    ("user{n}", "nosuchname-{n}.test", "Bad", "DomainIsInexistent"),
    ("user{n}", "servfail.test", "RetryLater", "TransientNetworkFault"),
    ("user{n}", "private-{n}.test", "Bad", "NoMxServersFound"),
    ("user{n}", "dea.test", "Unverifiable", "DomainIsWellKnownDea"),
    ("user{n}", "trap.test", "Bad", "PossibleSpamTrapDetected"),
    ("user{n}", "deadfirst-{n}.test", "Ok", "Success"),
]
ROWS = 1_000


def truth() -> list[tuple[str, str, str]]:
    """Give 1,000 rows: address, result, reason."""
    rows = []
    for n in range(ROWS):
        user, domain, result, reason = TRUTH[n % len(TRUTH)]
        rows.append((f"{user}@{domain}".replace("{n}", str(n + 1)), result, reason))
    return rows


def sign_in(page: Page, portal: Portal) -> None:
    page.goto(f"{portal.url}/accounts/login/")
    page.get_by_label("Email").fill(portal.customer_email)
    page.get_by_label("Password").fill(portal.customer_password)
    page.get_by_role("button", name="Sign in").click()


pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("portal")]
DATA = Path(__file__).resolve().parent.parent / "data"


@pytest.fixture
def page(browser: Browser) -> Page:
    context = browser.new_context(accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(15_000)
    return page


def verify(page: Page, upload: Path, results: Path) -> list[dict[str, str]]:
    """Upload a list, start it, wait, download; give the rows."""
    quote(page, upload)
    page.get_by_role("button", name="Start", exact=True).click()
    return finished(page, results)


def quote(page: Page, upload: Path) -> None:
    """Upload a list, and have it counted."""
    page.get_by_role("link", name="New list").first.click()
    page.locator("input[type=file]").set_input_files(upload)
    page.get_by_role("button", name="Upload").click()
    page.get_by_role("button", name="Next: what it costs").click()
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible(timeout=60_000)


def finished(page: Page, results: Path) -> list[dict[str, str]]:
    """Wait for the end of the list that is shown, and download it; give the rows."""
    expect(page.get_by_text("Finished").first).to_be_visible(timeout=60_000)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").first.click()
    download.value.save_as(results)
    with results.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def verdicts(rows: list[dict[str, str]]) -> list[tuple[str, str, str]]:
    """Give address, status and reason; without the apostrophe that guards cells a spreadsheet would evaluate."""
    return [(row["email"].removeprefix("'"), row["Status"], row["Additional Status Info"]) for row in rows]


def test_a_list_goes_all_the_way(portal: Portal, page: Page, tmp_path: Path) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    expected = truth()
    upload = tmp_path / "customers.csv"
    with upload.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["name", "email"], *((f"Customer {i}", row[0]) for i, row in enumerate(expected))])

    sign_in(page, portal)
    rows = verify(page, upload, tmp_path / "results.csv")

    assert [row["name"] for row in rows] == [f"Customer {i}" for i in range(ROWS)]
    assert verdicts(rows) == expected
    assert complaints == []


def test_a_list_is_sampled_and_two_tabs_start_it_once(portal: Portal, page: Page, tmp_path: Path) -> None:
    expected = truth()[: 10 * len(TRUTH)]
    upload = tmp_path / "sampled.csv"
    upload.write_text("email\n" + "".join(f"{address}\n" for address, _, _ in expected), encoding="utf-8")
    sign_in(page, portal)
    quote(page, upload)
    expect(page.locator("#figures")).to_contain_text("250 checks")

    page.get_by_role("button", name="Check a free sample of 100 first").click()
    expect(page.locator("#sample")).to_contain_text("Of 250 addresses about", timeout=60_000)
    other = page.context.new_page()
    other.goto(page.url)
    for tab in (page, other):
        tab.get_by_role("button", name="Start", exact=True).click()
        expect(tab.locator("#progress")).to_be_visible(timeout=60_000)

    assert verdicts(finished(page, tmp_path / "results.csv")) == expected


@pytest.mark.parametrize("name", ["sample", "sample-syntax"])
def test_the_samples_come_out_as_written(portal: Portal, page: Page, tmp_path: Path, name: str) -> None:
    with (DATA / f"{name}-expected.csv").open(newline="", encoding="utf-8") as file:
        expected = [(row["email"], row["result"], row["reason"]) for row in csv.DictReader(file)]

    sign_in(page, portal)

    assert verdicts(verify(page, DATA / f"{name}.csv", tmp_path / "results.csv")) == expected


def test_the_api_answers_with_the_printed_key(portal: Portal) -> None:
    answer = httpx.get(f"{portal.url}/api/emh/a/v2?k={portal.license_key}&e=someone@ok.test")
    body = answer.json()

    assert answer.status_code == 200
    assert list(body) == [
        "result", "reason", "role", "free", "disposable", "email", "domain", "user", "mailServerLocation", "duration",
    ]  # fmt: skip
    assert (body["result"], body["reason"], body["email"]) == ("Ok", "Success", "someone@ok.test")


def test_a_job_request_is_answered_row_by_row(portal: Portal) -> None:
    request = {"recipients": [{"mail": {"to": [{"email": "jane@ok.test"}, {"email": "nobody"}]}}]}
    headers = {"Authorization": f"Bearer {portal.license_key}"}
    answer = httpx.post(f"{portal.url}/api/v1/jobs", json=request, headers=headers)

    assert answer.status_code == 202
    assert answer.json()["meta"]["state"] == {"type": "ACCEPTED", "subType": "PART", "phase": "PRE_PROCESS"}
    taken, refused = answer.json()["content"]["recipients"][0]["mail"]["to"]
    assert "validationResult" not in taken
    assert refused["validationResult"] == {"classifier": "INVALID_FORMAT"}
