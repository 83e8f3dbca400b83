"""The routes of edition 3 over a real server, against the mail world."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
from django.utils import timezone

from accounts.domain import quota
from accounts.models import Account, KeyKind
from tests.factories import make_account, make_key
from tests.verification.api.test_live import account, secret, unknown_key, url
from verification.api.edition3_answers import TRUST, document
from verification.engine.types import LEGAL_PAIRS, Answer, Blame, Reason, Result, Verdict
from verification.models import Check

__all__ = ["account", "secret", "url"]  # fixtures

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 25, 5, 0, 0, tzinfo=UTC)


def more(url: str, secret: str, email: str) -> httpx.Response:
    return httpx.get(f"{url}/v3/more/json/{secret}/{email}", timeout=60)


def report(url: str, secret: str) -> httpx.Response:
    return httpx.get(f"{url}/customer/reports/v3/quota/{secret}", timeout=30)


def test_all_that_is_known_of_an_address(url: str, account: Account, secret: str) -> None:
    answer = more(url, secret, "Sales+x@OK.test")
    shown = answer.json()
    assert answer.status_code == 200
    assert shown == {
        "meta": {
            "email": "Sales+x@OK.test",
            "domain": "OK.test",
            "user": "Sales+x",
            "tld": "test",
            "lastModified": shown["meta"]["lastModified"],
            "expires": shown["meta"]["expires"],
        },
        "disposition": {"isRole": True, "isFreeMail": False},
        "emailVerification": {
            "syntaxVerification": {"isSyntaxValid": True, "reason": "Success"},
            "dnsVerification": {"isDomainHasDnsRecord": True, "isDomainHasMxRecords": True},
            "mailboxVerification": {"result": "Ok", "reason": "Success"},
        },
        "infrastructure": {"mail": {"mailServerLocation": ""}},
        "sendAssess": {"sendRecommendation": "SafeToSend"},
        "spamAssess": {"isDisposableEmailAddress": False, "actionRecomendation": "Allow"},
        "hippoTrust": {"score": 10, "level": "High"},
    }
    modified, expires = (parsedate_to_datetime(shown["meta"][name]) for name in ("lastModified", "expires"))
    assert expires - modified == timedelta(hours=2)
    assert abs(modified - timezone.now()) < timedelta(seconds=30)
    assert (answer.headers["X-Quota-Remaining"], quota.left(account_id=account.pk)) == ("9", 9)
    assert answer.headers["Cache-Control"] == "no-store, private"


@pytest.mark.parametrize(
    ("email", "shown"),
    [
        ("missing@ok.test", (True, "Success", True, True, "Bad", "MailboxDoesNotExist", 0, "Low", "DoNotSend")),
        ("jane@nxdomain.test", (True, "Success", False, False, "Bad", "DomainIsInexistent", 0, "Low", "DoNotSend")),
        ("jane@nullmx.test", (True, "Success", True, False, "Bad", "NoMxServersFound", 0, "Low", "DoNotSend")),
        ("jane", (False, "AtSignNotFound", False, False, "Bad", "AtSignNotFound", 0, "Low", "DoNotSend")),
        ("jane@servfail.test", (
            True, "Success", False, False, "RetryLater", "TransientNetworkFault", 0, "None", "None")),
        ("jane@catchall.test", (
            True, "Success", True, True, "Unverifiable", "ServerIsCatchAll", 5, "Medium", "RiskyToSend")),
    ],
)  # fmt: skip
def test_verdicts(url: str, secret: str, email: str, shown: tuple[Any, ...]) -> None:
    answer = more(url, secret, email).json()
    checks, trust = answer["emailVerification"], answer["hippoTrust"]
    assert (
        *checks["syntaxVerification"].values(),
        *checks["dnsVerification"].values(),
        *checks["mailboxVerification"].values(),
        *trust.values(),
        answer["sendAssess"]["sendRecommendation"],
    ) == shown


def test_every_legal_pair_has_its_worth() -> None:
    assert set(TRUST) == LEGAL_PAIRS
    assert {trust.level for trust in TRUST.values()} == {"None", "Low", "Medium", "High"}


@pytest.mark.parametrize(
    ("result", "reason", "disposable", "action"),
    [
        (Result.UNVERIFIABLE, Reason.DOMAIN_IS_WELL_KNOWN_DEA, True, "Block"),
        (Result.BAD, Reason.POSSIBLE_SPAM_TRAP_DETECTED, False, "Block"),
        (Result.OK, Reason.SUCCESS, True, "Block"),  # the check of disposable domains may be off
        (Result.OK, Reason.SUCCESS, False, "Allow"),
    ],
)
def test_who_may_sign_up(result: Result, reason: Reason, disposable: bool, action: str) -> None:
    answer = Answer("a@b.c", "a", "b.c", Verdict(result, reason, Blame.NONE), disposable=disposable)
    assert document(answer, checked_at=NOW)["spamAssess"]["actionRecomendation"] == action


def test_what_passes_expires_soon() -> None:
    answer = Answer("a@b.c", "a", "b.c", Verdict(Result.UNVERIFIABLE, Reason.GREY_LISTING, Blame.THEIR_POLICY))
    meta = document(answer, checked_at=NOW)["meta"]
    assert (meta["lastModified"], meta["expires"]) == (
        "Wed, 25 Nov 2026 05:00:00 GMT", "Wed, 25 Nov 2026 05:05:00 GMT",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "email"),
    [
        ("user+tag@ok.test", "user+tag@ok.test"),
        ("user%2Btag@ok.test", "user+tag@ok.test"),
        ("a%2Fb@ok.test", "a/b@ok.test"),
        ("a/b@ok.test", "a/b@ok.test"),
        ("j%C3%A4ne@ok.test", "jäne@ok.test"),
        ("jane@%E4%BE%8B.test", "jane@例.test"),
    ],
)
def test_addresses_in_a_path(url: str, secret: str, raw: str, email: str) -> None:
    assert more(url, secret, raw).json()["meta"]["email"] == email


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/v3/more/json/", 400, "Bad request. Reason:No license key"),
        ("/v3/more/json/SECRET", 400, "Bad request. Reason:No email address"),
        ("/v3/more/json/SECRET/", 400, "Bad request. Reason:No email address"),
        ("/v3/more/json/SECRET/%FF", 400, "Bad request. Reason:Email address is not UTF-8"),
        ("/v3/more/json/SECRET/" + "a" * 256, 400, "Bad request. Reason:Email address too long"),
        ("/v3/more/json/nonsense/jane@ok.test", 400, "Bad request. Reason:License key in incorrect format"),
        ("/v3/more/json/%00/jane@ok.test", 400, "Bad request. Reason:License key in incorrect format"),
        ("/customer/reports/v3/quota/", 400, "Bad request. Reason:No license key"),
        ("/customer/reports/v3/quota/nonsense", 400, "Bad request. Reason:License key in incorrect format"),
        ("/v3/", 404, "Not found."),
        ("/v3/more/xml/SECRET/jane@ok.test", 404, "Not found."),
        ("/customer/SECRET", 404, "Not found."),
    ],
)
def test_paths_that_are_refused(url: str, account: Account, secret: str, path: str, status: int, words: str) -> None:
    answer = httpx.get(url + path.replace("SECRET", secret))
    assert (answer.status_code, answer.text) == (status, words)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert quota.left(account_id=account.pk) == 10


@pytest.mark.parametrize("ask", [lambda url, secret: more(url, secret, "jane@ok.test"), report])
def test_keys_that_are_refused(url: str, ask: Any) -> None:  # Any: a callable
    expired = make_key(expires_at=timezone.now() - timedelta(seconds=1))[1]
    suspended = make_key(make_account(status=Account.Status.SUSPENDED))[1]
    for refused, words in (
        (unknown_key(), "Invalid license key. Reason:Invalid key"),
        (make_key(revoked_at=timezone.now())[1], "Invalid license key. Reason:Invalid key"),
        (expired, "Invalid license key. Reason:Key expired"),
        (suspended, "Invalid license key. Reason:Account disabled"),
    ):
        answer = ask(url, refused)
        assert (answer.status_code, answer.text) == (401, words)


def test_without_quota(url: str) -> None:
    _, secret = make_key(make_account(monthly_quota=0))
    answer = more(url, secret, "jane@ok.test")
    assert (answer.status_code, answer.text) == (401, "Invalid license key. Reason:Insufficient quota")
    assert report(url, secret).json()["quotaRemaining"] == 0


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/v3/more/json/SECRET/jane@ok.test", "/customer/reports/v3/quota/SECRET"])
def test_other_methods(url: str, secret: str, method: str, path: str) -> None:
    answer = httpx.request(method, url + path.replace("SECRET", secret))
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_a_sandbox_key_costs_nothing(url: str, account: Account) -> None:
    _, secret = make_key(account, KeyKind.SANDBOX)
    assert more(url, secret, "jane@dea.test").json()["spamAssess"] == {
        "isDisposableEmailAddress": True, "actionRecomendation": "Block",
    }  # fmt: skip
    assert (quota.left(account_id=account.pk), Check.objects.count()) == (10, 0)


def test_the_quota(url: str, account: Account, secret: str) -> None:
    more(url, secret, "jane@ok.test")
    answer = report(url, secret)
    shown = answer.json()
    period = account.quota_periods.get()
    assert shown == {
        "licenseKey": secret,
        "accountId": account.pk,
        "quotaUsed": 1,
        "quotaRemaining": 9,
        "nextQuotaResetDate": f"{period.ends_on}T00:00:00.000Z",
        "reportedDate": shown["reportedDate"],
        "errorSummary": "Valid",
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", shown["reportedDate"])
    assert answer.headers["X-Quota-Remaining"] == "9"


def test_neither_key_nor_address_is_logged(
    url: str, secret: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    typo = secret[:-1] + ("a" if secret[-1] != "a" else "b")
    for path in (
        f"/v3/more/json/{secret}/private@ok.test",
        f"/v3/more/json/{typo}/private@ok.test",
        f"/v3/more/xml/{typo}/private@ok.test",
        f"/customer/reports/v3/quota/{typo}",
    ):
        httpx.get(url + path)
        httpx.post(url + path, content=b" " * 1_000_001)  # refused before it is ours
    ours = [r.getMessage() for r in caplog.records if r.name.startswith(("verification", "portal", "django"))]
    assert len(ours) == 8
    for text in (*ours, *(line for line in capfd.readouterr().err.splitlines() if " httpx " not in line)):
        assert secret not in text
        assert typo not in text
        assert "private" not in text
