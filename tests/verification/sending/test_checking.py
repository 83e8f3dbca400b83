"""Sending domains checked against the mail world's DNS, and what is kept of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from django_q.models import OrmQ
from pytest_django import Settings

from accounts.models import Account
from tests.factories import make_account
from tests.fixtures_mail_world import MailWorld
from tests.verification.factories import make_domain, owner_of
from verification.domain import sending
from verification.domain.sending import checking
from verification.domain.sweeper import LOOK_SECONDS, Sweeper
from verification.engine.resolver import Resolver
from verification.engine.senders.checked import Checked, Outcome
from verification.models import CheckKind, SendingDomain

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def world(settings: Settings, mail_world: MailWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RUN_DIR = tmp_path
    settings.MAIL_WORLD = True
    settings.MAIL_WORLD_DNS = mail_world.dns
    settings.SOURCE_ADDRESSES = ["127.1.0.21"]
    defaults = Resolver.__init__.__kwdefaults__ or {}
    monkeypatch.setitem(defaults, "try_seconds", (0.4, 0.3, 0.3))


def outcomes(domain: SendingDomain) -> str:
    """Check a domain now; gives its last checks."""
    SendingDomain.objects.filter(pk=domain.pk).update(next_check_at=timezone.now())
    assert sending.check_due() == 1
    checks = {check.kind: check.last_check for check in domain.checks.all()}
    return " ".join(checks[kind] for kind in CheckKind)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("good-sender.test", "passed passed passed passed"),
        ("bad-sender.test", "failed failed failed failed"),
        ("bare-sender.test", "failed failed failed failed"),
        ("nxdomain.test", "failed failed failed failed"),
        ("servfail.test", "never never never never"),
        ("dnstimeout.test", "never never never never"),
    ],
)
def test_each_outcome(name: str, expected: str) -> None:
    assert outcomes(make_domain(name)) == expected


@pytest.mark.parametrize("trouble", ["servfail.test", "dnstimeout.test"])
def test_what_the_dns_does_not_answer_turns_nothing_over(trouble: str) -> None:
    domain = make_domain("good-sender.test")
    assert outcomes(domain) == "passed passed passed passed"
    before = {check.kind: (check.checked_at, check.cause) for check in domain.checks.all()}

    SendingDomain.objects.filter(pk=domain.pk).update(domain=trouble)
    assert outcomes(domain) == "passed passed passed passed"
    checks = list(domain.checks.all())
    assert {check.kind: (check.checked_at, check.cause) for check in checks} == before
    assert all(check.trouble and check.tried_at != check.checked_at for check in checks)

    SendingDomain.objects.filter(pk=domain.pk).update(domain="bad-sender.test")
    assert outcomes(domain) == "failed failed failed failed"
    assert {check.trouble for check in domain.checks.all()} == {""}


def test_date_and_cause_are_kept() -> None:
    domain = make_domain("bad-sender.test")
    outcomes(domain)
    dkim = domain.checks.get(kind=CheckKind.DKIM)
    assert dkim.cause == "candour._domainkey.bad-sender.test: the key was withdrawn (p= is empty)."
    assert dkim.checked_at is not None
    assert abs(dkim.checked_at - timezone.now()) < timedelta(seconds=30)


def test_of_two_accounts_only_the_one_that_proves_it_has_it() -> None:
    mine = make_domain("good-sender.test")
    theirs = sending.register(
        account=(other := make_account()), domain="good-sender.test", actor=owner_of(other)
    )  # another token
    assert sending.check_due() == 2
    assert [sending.domains_of(one.account).get().is_proved for one in (mine, theirs)] == [True, False]


def test_due_ones_are_taken_once() -> None:
    for _ in range(3):
        make_domain()
    assert len(checking.claim()) == 3
    assert checking.claim() == []


def test_those_of_suspended_accounts_wait() -> None:
    domain = make_domain()
    Account.objects.filter(pk=domain.account_id).update(status="suspended")
    assert (sending.has_due(), sending.check_due()) == (False, 0)


PASSED, FAILED, UNCLEAR = (Checked(outcome, "") for outcome in (Outcome.PASSED, Outcome.FAILED, Outcome.UNCLEAR))


@pytest.mark.parametrize(
    ("found", "is_young", "wait"),
    [
        ((PASSED,) * 4, True, checking.WELL),
        ((PASSED, FAILED, PASSED, PASSED), True, checking.YOUNG),
        ((PASSED, FAILED, PASSED, PASSED), False, checking.OLD),
        ((PASSED, PASSED, UNCLEAR, PASSED), False, checking.TROUBLED),
    ],
)
def test_how_soon_a_domain_is_looked_at_again(found: tuple[Checked, ...], is_young: bool, wait: timedelta) -> None:
    domain = make_domain()
    if not is_young:
        SendingDomain.objects.update(created_at=timezone.now() - timedelta(days=4))
    checking.store(domain, dict(zip(CheckKind, found, strict=True)))
    domain.refresh_from_db()
    assert abs(domain.next_check_at - timezone.now() - wait) < timedelta(seconds=30)
    assert domain.asked_at is None


def test_a_key_that_was_changed_meanwhile_is_not_judged_by_what_was_seen() -> None:
    domain = make_domain(dkim="never")
    stale = SendingDomain.objects.get(pk=domain.pk)
    sending.use_selector(domain=domain, selector="mail1", actor=owner_of(domain.account))
    checking.store(stale, dict.fromkeys(CheckKind, PASSED))
    assert domain.checks.get(kind=CheckKind.DKIM).last_check == "never"
    assert sending.has_due()


def test_who_asks_again_at_once_waits() -> None:
    domain = make_domain()
    assert sending.check_now(domain)
    sending.check_due()
    assert not sending.check_now(domain)
    domain.checks.update(tried_at=timezone.now() - timedelta(seconds=sending.CHECK_AGAIN_SECONDS + 1))
    assert sending.check_now(domain)


def test_the_sweeper_rings_for_what_is_due() -> None:
    make_domain()
    OrmQ.objects.all().delete()
    sweeper = Sweeper(last_look=-LOOK_SECONDS)
    sweeper.ask_for_checks()
    assert "verification.tasks.check_domains" in [task.task["func"] for task in OrmQ.objects.all()]


def test_another_key_is_not_known_yet() -> None:
    domain = make_domain(dkim="passed", proof="passed")
    owner = owner_of(domain.account)
    sending.use_selector(domain=domain, selector="Mail1._domainkey.good-sender.test", actor=owner)
    assert (domain.selector, domain.public_key) == ("mail1", "")
    assert [domain.checks.get(kind=kind).last_check for kind in ("dkim", "proof")] == ["never", "passed"]
    sending.use_our_key(domain=domain, actor=owner)
    assert (domain.selector, len(domain.public_key)) == ("candour", 44)
