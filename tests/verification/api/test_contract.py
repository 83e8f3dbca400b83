"""The wire contract of version 2, table by table, against the mail world: docs/api/verify-v2.md."""

from __future__ import annotations

from urllib.parse import quote

import httpx
import pytest

from accounts.models import Account, KeyKind
from tests.factories import make_account, make_key
from tests.verification.api.test_live import FIELDS, PATH, url
from verification.engine.types import LEGAL_PAIRS
from verification.models import CheckResult

__all__ = ["url"]  # a fixture

pytestmark = pytest.mark.django_db(transaction=True)

PAIRS = [
    ("jane@ok.test", "Ok", "Success", "none"),
    ("jane", "Bad", "AtSignNotFound", "address"),
    ("a@b@ok.test", "Bad", "TooManyAtSignsFound", "address"),
    ('"a@b"@ok.test', "Ok", "Success", "none"),
    ("jane@nxdomain.test", "Bad", "DomainIsInexistent", "address"),
    ("user@-x-", "Bad", "DomainIsInexistent", "address"),
    ("user@exa mple.com", "Bad", "DomainIsInexistent", "address"),
    ("jane@nomx.test", "Bad", "NoMxServersFound", "address"),
    ("jane@nullmx.test", "Bad", "NoMxServersFound", "address"),
    ("jane@private.test", "Bad", "NoMxServersFound", "address"),
    ("missing@ok.test", "Bad", "MailboxDoesNotExist", "address"),
    ("a..b@ok.test", "Bad", "MailboxDoesNotExist", "address"),
    ("full@ok.test", "Bad", "MailboxFull", "address"),
    ("full5@ok.test", "Bad", "MailboxFull", "address"),
    ("josé@noutf8.test", "Bad", "ServerDoesNotSupportInternationalMailboxes", "address"),
    ("josé@ok.test", "Ok", "Success", "none"),
    ("jane@trap.test", "Bad", "PossibleSpamTrapDetected", "address"),
    ("jane@servfail.test", "RetryLater", "TransientNetworkFault", "their_outage"),
    ("jane@mxservfail.test", "RetryLater", "TransientNetworkFault", "their_outage"),
    ("jane@broken.test", "RetryLater", "TransientNetworkFault", "their_outage"),
    ("jane@reset-rcpt.test", "RetryLater", "TransientNetworkFault", "their_outage"),
    ("jane@blocked.test", "RetryLater", "TransientNetworkFault", "our_address"),
    ("jane@busy.test", "RetryLater", "TransientNetworkFault", "our_address"),
    ("jane@policy.test", "Unverifiable", "None", "their_policy"),
    ("jane@relay.test", "Unverifiable", "None", "their_policy"),
    ("jane@mute.test", "Unverifiable", "None", "their_policy"),
    ("jane@dea.test", "Unverifiable", "DomainIsWellKnownDea", "their_policy"),
    ("jane@greylist.test", "Unverifiable", "GreyListing", "their_policy"),
    ("jane@catchall.test", "Unverifiable", "ServerIsCatchAll", "their_policy"),
    ("missing@garbage.test", "Unverifiable", "Unknown", "unknown"),
    ("jane@implicit.test", "Ok", "Success", "none"),
    ("jane@deadfirst.test", "Ok", "Success", "none"),
]


@pytest.fixture
def account() -> Account:
    return make_account(monthly_quota=100)


def test_every_legal_pair_is_in_the_table() -> None:
    assert {pair[1:3] for pair in PAIRS} == LEGAL_PAIRS


def test_the_pairs_with_whose_fault_it_is(url: str, account: Account) -> None:
    _, secret = make_key(account)
    found = []
    with httpx.Client(base_url=url, timeout=60) as client:
        for address, *_ in PAIRS:
            answer = client.get(f"{PATH}?k={secret}&max_wait=10&e={quote(address)}")
            document = answer.json()
            assert (answer.status_code, list(document)) == (200, FIELDS)
            assert document["email"] == address
            user, at, domain = address.rpartition("@")
            assert (document["user"], document["domain"]) == ((user, domain) if at else (address, ""))
            blame = CheckResult.objects.latest("check_row_id").blame
            found.append((address, document["result"], document["reason"], blame))
    assert found == PAIRS


ADDRESSES = [
    ("user+tag@ok.test", "user+tag@ok.test"),
    ("user%2Btag@ok.test", "user+tag@ok.test"),
    ("user%20tag@ok.test", "user tag@ok.test"),
    ("user%252Btag@ok.test", "user%2Btag@ok.test"),
    ("100%@ok.test", "100%@ok.test"),
    ("Jane.Doe@OK.Test", "Jane.Doe@OK.Test"),
    ("jos%C3%A9@ok.test", "josé@ok.test"),
    ("jane@b%C3%BCcher.test", "jane@bücher.test"),
    ("jane@xn--bcher-kva.test", "jane@xn--bcher-kva.test"),
    ("a=b@ok.test", "a=b@ok.test"),
    ("a;b@ok.test", "a;b@ok.test"),
    ("a" * 243 + "@example.com", "a" * 243 + "@example.com"),  # 255 characters
]


@pytest.mark.parametrize("path", [PATH, f"{PATH}/sandbox"])
def test_addresses_come_back_as_supplied(url: str, account: Account, path: str) -> None:
    _, secret = make_key(account, KeyKind.SANDBOX)
    with httpx.Client(base_url=url) as client:
        for raw, email in ADDRESSES:
            for query in (f"k={secret}&e={raw}", f"e={raw}&k={secret}"):
                answer = client.get(f"{path}?{query}", headers={"Accept": "text/html"})
                assert (answer.status_code, answer.json()["email"]) == (200, email)
                assert answer.headers["Content-Type"] == "application/json"


REFUSED = [
    ("", {}, "No license key"),
    ("e=jane@ok.test", {}, "No license key"),
    ("key=SECRET&e=jane@ok.test", {}, "No license key"),
    ("K=SECRET&e=jane@ok.test", {}, "No license key"),
    ("k=SECRET", {}, "No email address"),
    ("k=SECRET&e=", {}, "No email address"),
    ("k=SECRET&e=%20", {}, "No email address"),
    ("k=SECRET&e=" + "a" * 244 + "@example.com", {}, "Email address too long"),
    ("k=SECRET&e=" + "%C3%A9" * 256, {}, "Email address too long"),
    ("k=SECRE&e=jane@ok.test", {}, "License key in incorrect format"),
    ("k=%00&e=jane@ok.test", {}, "License key in incorrect format"),
    ("k=OTHER_CASE&e=jane@ok.test", {}, "License key in incorrect format"),
    ("k=TYPO&e=jane@ok.test", {}, "License key in incorrect format"),
    ("k=SECRET&e=jane@ok.test&e=jane@ok.test", {}, "Parameter e given more than once"),
    ("k=SECRET&e=jane@ok.test&k=SECRET", {}, "Parameter k given more than once"),
    ("k=SECRET&e=%FF", {}, "Parameter e is not UTF-8"),
    ("k=SECRET&e=jane@ok.test", {"X-License-Key": "OTHER"}, "License keys differ"),
    ("e=jane@ok.test", {"X-License-Key": "SECRET", "Authorization": "Bearer OTHER"}, "License key in incorrect format"),
    ("k=SECRET&e=jane@ok.test&max_wait=0", {}, "Parameter max_wait must be a number from 1 to 90"),
    ("k=SECRET&e=jane@ok.test&max_wait=91", {}, "Parameter max_wait must be a number from 1 to 90"),
    ("k=SECRET&e=jane@ok.test&max_age=-1", {}, "Parameter max_age must be a number from 0 to 2592000"),
]


@pytest.mark.parametrize("path", [PATH, f"{PATH}/sandbox"])
def test_bad_requests(url: str, account: Account, path: str) -> None:
    secret, other = make_key(account, KeyKind.SANDBOX)[1], make_key(account, KeyKind.SANDBOX)[1]
    typo = secret[:-1] + ("a" if secret[-1] != "a" else "b")
    names = {"SECRET": secret, "OTHER_CASE": secret.upper(), "OTHER": other, "TYPO": typo}

    def filled(text: str) -> str:
        for name in ("OTHER_CASE", "SECRET", "OTHER", "TYPO"):
            text = text.replace(name, names[name])
        return text

    with httpx.Client(base_url=url) as client:
        for query, headers, reason in REFUSED:
            sent = {name: filled(value) for name, value in headers.items()}
            answer = client.get(f"{path}?{filled(query)}", headers=sent)
            assert (answer.status_code, answer.text) == (400, f"Bad request. Reason:{reason}"), query
            assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("headers", [{"X-License-Key": "KEY"}, {"Authorization": "Bearer KEY"}])
def test_the_key_in_a_header(url: str, account: Account, headers: dict[str, str]) -> None:
    _, secret = make_key(account, KeyKind.SANDBOX)
    sent = {name: value.replace("KEY", secret) for name, value in headers.items()}
    for query in ("e=jane@ok.test", f"e=jane@ok.test&k={secret}"):
        assert httpx.get(f"{url}{PATH}?{query}", headers=sent).status_code == 200


@pytest.mark.parametrize("path", [PATH, f"{PATH}/sandbox"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_only_get_and_head(url: str, account: Account, path: str, method: str) -> None:
    _, secret = make_key(account)
    answer = httpx.request(method, f"{url}{path}?k={secret}&e=jane@ok.test")
    assert (answer.status_code, answer.text, answer.headers["Allow"]) == (405, "Method not allowed.", "GET, HEAD")


def test_answers_of_every_kind_have_their_headers(url: str, account: Account) -> None:
    _, secret = make_key(account, KeyKind.SANDBOX)
    for query in (f"k={secret}&e=jane@ok.test", f"k={secret}", f"k={secret}&e=expired@refused.test"):
        headers = httpx.get(f"{url}{PATH}?{query}").headers
        assert len(headers["X-Request-Id"]) == 32
        assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store, private", "nosniff")
