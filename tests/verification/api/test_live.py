"""The live check over a real server, against the mail world."""

from __future__ import annotations

import asyncio
import re
import resource
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import connection
from django.db.models import Sum
from django.utils import timezone
from pytest_django import Settings

from accounts.domain import quota
from accounts.models import Account, AccountUsage, KeyKind, LedgerEntry, LedgerKind, LicenseKey, Reservation
from tests.asgi_server import serving
from tests.factories import make_account, make_key
from tests.fixtures_mail_world import MailWorld
from verification.domain import usage
from verification.models import Check, CheckResult, KnownMailbox, PendingTally

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/api/emh/a/v2"
HELD = 2_000  # calls at once
FIELDS = [
    "result", "reason", "role", "free", "disposable", "email", "domain", "user", "mailServerLocation", "duration",
]  # fmt: skip


@pytest.fixture
def url(settings: Settings, mail_world: MailWorld) -> Iterator[str]:
    settings.MAIL_WORLD = True
    settings.MAIL_WORLD_DNS = mail_world.dns
    settings.MAIL_WORLD_SMTP_PORT = mail_world.smtp_port
    with serving() as url:
        yield url


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let this process have both ends of HELD calls open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * HELD)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def account() -> Account:
    return make_account(monthly_quota=10)


@pytest.fixture
def secret(account: Account) -> str:
    return make_key(account)[1]


def ask(url: str, secret: str, email: str, more: str = "", path: str = PATH) -> httpx.Response:
    return httpx.get(f"{url}{path}?k={secret}&e={email}{more}", timeout=60)


def verdict(answer: httpx.Response) -> tuple[int, str, str]:
    assert answer.status_code == 200, answer.text
    return answer.status_code, answer.json()["result"], answer.json()["reason"]


def left(account: Account) -> int:
    return quota.left(account_id=account.pk)


def wait_until(condition: Any) -> None:  # Any: a callable
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_the_ten_fields_in_their_order(url: str, account: Account, secret: str) -> None:
    answer = ask(url, secret, "Info+x@OK.test")
    document = answer.json()
    assert (answer.status_code, list(document)) == (200, FIELDS)
    assert document == {
        "result": "Ok",
        "reason": "Success",
        "role": document["role"],
        "free": False,
        "disposable": False,
        "email": "Info+x@OK.test",
        "domain": "OK.test",
        "user": "Info+x",
        "mailServerLocation": "",
        "duration": document["duration"],
    }
    assert isinstance(document["duration"], int)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store, private"
    assert answer.headers["X-Quota-Remaining"] == "9"
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-Id"])


def test_a_call_keeps_its_key_answered_anew_or_by_an_earlier_result(url: str, account: Account, secret: str) -> None:
    other, other_secret = make_key(account)
    ask(url, secret, "jane@ok.test")
    ask(url, other_secret, "jane@ok.test")
    first, second = Check.objects.order_by("pk").values_list("key", flat=True)
    assert (first, second) == (LicenseKey.objects.exclude(pk=other.pk).get().pk, other.pk)


def test_a_call_costs_one_and_is_kept(url: str, account: Account, secret: str) -> None:
    ask(url, secret, "jane@ok.test")
    check, result = Check.objects.get(), CheckResult.objects.get()
    assert (check.account, check.job, check.address, check.domain) == (account, None, "jane@ok.test", "ok.test")
    assert (result.result, result.reason, result.blame, result.charged) == ("Ok", "Success", "none", True)
    assert result.evidence["mail_hosts"] == "found"
    assert (result.normalized, result.did_you_mean) == ("jane@ok.test", "")
    assert left(account) == 9
    moved = LedgerEntry.objects.exclude(kind=LedgerKind.GRANT).order_by("id").values_list("kind", "amount")
    assert list(moved) == [("reserve", 1), ("settle", 1)]
    assert Reservation.objects.get().open == 0
    (used,) = usage.by_day(account=account, start=(day := result.checked_at.date()), end=day)
    assert (used.key_id, used.source, used.result, used.count, used.charged) == (
        *(LicenseKey.objects.get().pk, "live", "Ok"),
        *(1, 1),
    )


@pytest.mark.parametrize(
    ("email", "result", "reason"),
    [
        ("missing@ok.test", "Bad", "MailboxDoesNotExist"),
        ("full@ok.test", "Bad", "MailboxFull"),
        ("jane@nxdomain.test", "Bad", "DomainIsInexistent"),
        ("jane@nullmx.test", "Bad", "NoMxServersFound"),
        ("jane@catchall.test", "Unverifiable", "ServerIsCatchAll"),
        ("jane@greylist.test", "Unverifiable", "GreyListing"),
        ("jane@dea.test", "Unverifiable", "DomainIsWellKnownDea"),
        ("jane@trap.test", "Bad", "PossibleSpamTrapDetected"),
        ("jane", "Bad", "AtSignNotFound"),
        ("a@b@ok.test", "Bad", "TooManyAtSignsFound"),
        ("a..b@ok.test", "Bad", "MailboxDoesNotExist"),
        ("%00@ok.test", "Bad", "MailboxDoesNotExist"),
    ],
)
def test_every_verdict_is_a_200_and_costs_one(
    url: str, account: Account, secret: str, email: str, result: str, reason: str
) -> None:
    assert verdict(ask(url, secret, email)) == (200, result, reason)
    assert left(account) == 9
    assert Check.objects.count() == 1


def test_what_was_our_fault_is_free(url: str, account: Account, secret: str) -> None:
    answer = ask(url, secret, "jane@blocked.test")
    assert verdict(answer) == (200, "RetryLater", "TransientNetworkFault")
    assert (answer.headers["X-Quota-Remaining"], left(account)) == ("10", 10)
    result = CheckResult.objects.get()
    assert (result.blame, result.charged, KnownMailbox.objects.count()) == ("our_address", False, 0)


def test_a_recent_answer_is_reused_and_costs_one(
    url: str, account: Account, secret: str, mail_world: MailWorld
) -> None:
    first = ask(url, secret, "reused@ok.test")
    again = ask(url, secret, "reused@OK.test")
    assert (verdict(again), again.json()["email"]) == (verdict(first), "reused@OK.test")
    assert left(account) == 8
    results = CheckResult.objects.order_by("check_row_id")
    assert [(result.charged, result.evidence) for result in results] == [(True, results[0].evidence)] * 2
    assert [result.normalized for result in results] == ["reused@ok.test"] * 2
    assert results[0].checked_at == results[1].checked_at
    assert len([one for one in mail_world.heard() if "<reused@" in str(one)]) == 1


def test_a_crowd_of_known_and_new_addresses_pays_one_each(url: str) -> None:
    account = make_account(monthly_quota=50)
    _, secret = make_key(account)
    ask(url, secret, "crowd@ok.test")
    emails = [*(["crowd@ok.test"] * 30), *(f"crowd{n}@ok.test" for n in range(10))]
    with ThreadPoolExecutor(40) as threads:
        answers = list(threads.map(lambda email: ask(url, secret, email), emails))
    assert [(verdict(answer), answer.json()["email"]) for answer in answers] == [
        ((200, "Ok", "Success"), email) for email in emails
    ]
    assert left(account) == 50 - 41
    kept = CheckResult.objects.filter(charged=True, final=True).values_list("check_row__address", flat=True)
    assert sorted(kept) == sorted(["crowd@ok.test", *emails])
    assert KnownMailbox.objects.count() == 11
    tallied = PendingTally.objects.aggregate(checks=Sum("count"), charged=Sum("charged"))
    assert tallied == {"checks": 41, "charged": 41}


def test_a_crowd_gets_no_more_than_is_left(url: str, account: Account, secret: str) -> None:
    ask(url, secret, "few@ok.test")
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: ask(url, secret, "few@ok.test"), range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [401] * 11
    assert (left(account), Check.objects.count()) == (0, 10)


@pytest.mark.parametrize(
    ("email", "age", "asked"),
    [
        ("aged1@ok.test", 7_100, 1),
        ("aged2@ok.test", 7_300, 2),
        ("aged3@greylist.test", 290, 1),
        ("aged4@greylist.test", 310, 2),
        ("aged5@broken.test", 310, 2),
    ],
)
def test_answers_grow_old(url: str, secret: str, mail_world: MailWorld, email: str, age: int, asked: int) -> None:
    ask(url, secret, email)
    KnownMailbox.objects.update(checked_at=timezone.now() - timedelta(seconds=age))
    ask(url, secret, email)
    user = email.partition("@")[0]
    assert len([one for one in mail_world.heard() if f"<{user}@" in str(one)]) == asked


@pytest.mark.parametrize("more", ["&max_age=0", "&max_age=1"])
def test_max_age_asks_anew(url: str, secret: str, mail_world: MailWorld, more: str) -> None:
    user = f"anew{more[-1]}"
    ask(url, secret, f"{user}@ok.test")
    KnownMailbox.objects.update(checked_at=timezone.now() - timedelta(seconds=2))
    ask(url, secret, f"{user}@ok.test", more)
    assert len([one for one in mail_world.heard() if f"<{user}@" in str(one)]) == 2


def test_reuse_can_be_off_and_never_crosses_accounts(url: str, mail_world: MailWorld) -> None:
    secrets = [make_key(make_account(result_reuse=False))[1], make_key()[1], make_key()[1]]
    for secret in (secrets[0], secrets[0], secrets[1], secrets[2]):
        ask(url, secret, "apart@ok.test")
    assert len([one for one in mail_world.heard() if "<apart@" in str(one)]) == 4


def test_equal_calls_at_once_share_a_probe_and_pay_each(
    url: str, account: Account, secret: str, mail_world: MailWorld
) -> None:
    with ThreadPoolExecutor(5) as threads:
        answers = list(threads.map(lambda _: ask(url, secret, "together@slow-200.test"), range(5)))
    assert [verdict(answer) for answer in answers] == [(200, "Ok", "Success")] * 5
    assert left(account) == 5
    assert len([one for one in mail_world.heard() if "<together@" in str(one)]) == 1


def test_max_wait_bounds_the_call(url: str, account: Account, secret: str) -> None:
    started = time.monotonic()
    assert verdict(ask(url, secret, "jane@tarpit.test", "&max_wait=1"))[1] == "RetryLater"
    assert time.monotonic() - started < 4


def test_a_caller_who_hangs_up_pays_nothing(url: str, account: Account, secret: str) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{url}{PATH}?k={secret}&e=jane@silent.test", timeout=1)
    wait_until(lambda: left(account) == 10)
    assert Check.objects.count() == 0
    assert Reservation.objects.get().open == 0


def test_held_calls_hold_neither_threads_nor_connections(url: str, mail_world: MailWorld, many_files: None) -> None:
    _, secret = make_key(make_account(monthly_quota=3_000))
    threads = threading.active_count()

    async def hold() -> tuple[int, int]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(limits=limits, timeout=60) as client:
            query = f"{url}{PATH}?k={secret}&max_wait=25&e="
            calls = [asyncio.create_task(client.get(f"{query}held{n}@silent-{n % 100}.test")) for n in range(HELD)]
            while await asyncio.to_thread(waiting) < HELD:
                await asyncio.sleep(0.5)
                assert not any(call.done() for call in calls), "they never waited all at once"
            seen = threading.active_count() - threads, await asyncio.to_thread(busy_connections)
            answers = await asyncio.gather(*calls)
            others = [answer.text for answer in answers if answer.status_code != 200]
            assert others == []
            assert {answer.json()["result"] for answer in answers} == {"RetryLater"}
            return seen

    more_threads, busy = asyncio.run(hold())
    assert more_threads <= 2  # the one that counts connections, and one of the pool
    assert busy == 0


def waiting() -> int:
    try:
        return sum(AccountUsage.objects.values_list("waiting", flat=True))
    finally:
        connection.close()


def busy_connections() -> int:
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND application_name = 'portal-web' AND state <> 'idle'"
            )
            return int(cursor.fetchone()[0])
    finally:
        connection.close()


@pytest.mark.parametrize("path", [PATH, f"{PATH}/sandbox"])
def test_a_sandbox_key_costs_nothing(url: str, account: Account, path: str) -> None:
    _, secret = make_key(account, KeyKind.SANDBOX)
    assert verdict(ask(url, secret, "missing@ok.test", path=path)) == (200, "Bad", "MailboxDoesNotExist")
    assert (left(account), Check.objects.count(), Reservation.objects.count()) == (10, 0, 0)


def test_a_sandbox_key_is_not_told_what_the_account_knows(url: str, account: Account, secret: str) -> None:
    ask(url, secret, "missing@slow-1.test")
    _, sandbox = make_key(account, KeyKind.SANDBOX)
    known = CheckResult.objects.get()
    CheckResult.objects.update(result="Unverifiable", reason="None")
    answer = ask(url, sandbox, "missing@slow-1.test")
    assert (answer.json()["result"], known.result) == ("Bad", "Bad")
    assert (left(account), Check.objects.count()) == (9, 1)


def test_the_sandbox_path_costs_nothing_with_a_live_key_either(url: str) -> None:
    account = make_account(monthly_quota=0)
    _, secret = make_key(account)
    answer = ask(url, secret, "jane@catchall.test", path=f"{PATH}/sandbox")
    assert verdict(answer) == (200, "Unverifiable", "ServerIsCatchAll")
    assert (answer.headers["X-Quota-Remaining"], Reservation.objects.count()) == ("0", 0)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "Bad request. Reason:No license key"),
        ("e=jane@ok.test", "Bad request. Reason:No license key"),
        ("k=SECRET", "Bad request. Reason:No email address"),
        ("k=SECRET&e=" + "a" * 256, "Bad request. Reason:Email address too long"),
        ("k=x&e=jane@ok.test", "Bad request. Reason:License key in incorrect format"),
        ("k=SECRET&k=SECRET&e=jane@ok.test", "Bad request. Reason:Parameter k given more than once"),
    ],
)
def test_bad_requests_are_free(url: str, account: Account, secret: str, query: str, words: str) -> None:
    answer = httpx.get(f"{url}{PATH}?{query.replace('SECRET', secret)}")
    assert (answer.status_code, answer.text) == (400, words)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert left(account) == 10


def unknown_key() -> str:
    key, secret = make_key()
    LicenseKey.objects.filter(pk=key.pk).delete()
    return secret


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (unknown_key, "Invalid license key. Reason:Invalid key"),
        (lambda: make_key(revoked_at=timezone.now())[1], "Invalid license key. Reason:Invalid key"),
        (
            lambda: make_key(expires_at=timezone.now() - timedelta(seconds=1))[1],
            "Invalid license key. Reason:Key expired",
        ),
        (
            lambda: make_key(make_account(status=Account.Status.SUSPENDED))[1],
            "Invalid license key. Reason:Account disabled",
        ),
        (
            lambda: make_key(make_account(verification_api=False))[1],
            "Invalid license key. Reason:Account disabled",
        ),
        (lambda: make_key(make_account(monthly_quota=0))[1], "Invalid license key. Reason:Insufficient quota"),
    ],
)
def test_keys_that_are_refused(url: str, make: Any, words: str) -> None:  # Any: a callable
    answer = ask(url, make(), "jane@ok.test")
    assert (answer.status_code, answer.text) == (401, words)
    assert Check.objects.count() == 0


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods(url: str, account: Account, secret: str, method: str) -> None:
    answer = httpx.request(method, f"{url}{PATH}?k={secret}&e=jane@ok.test")
    assert (answer.status_code, answer.headers["Allow"], left(account)) == (405, "GET, HEAD", 10)


def test_head_gives_the_headers_only(url: str, account: Account, secret: str) -> None:
    answer = httpx.head(f"{url}{PATH}?k={secret}&e=jane@ok.test")
    assert (answer.status_code, answer.content, left(account)) == (200, b"", 9)


def test_keys_stay_out_of_the_log(
    url: str, secret: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    ask(url, secret, "jane@ok.test")
    lines = [record.getMessage() for record in caplog.records if record.name == "verification.api.live"]
    assert [re.sub(r"\d+ ms", "N ms", line) for line in lines] == [f"GET {PATH} 200 N ms"]
    assert secret not in capfd.readouterr().err
