from __future__ import annotations

import pytest

from accounts.models import AuditEntry
from tests.factories import make_account
from tests.verification.factories import owner_of
from verification.domain import sending
from verification.domain.sending import registry
from verification.models import CheckKind, SendingDomain

pytestmark = pytest.mark.django_db


def register(domain: str) -> SendingDomain:
    account = make_account()
    return sending.register(account=account, domain=domain, actor=owner_of(account))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("customer.example", "customer.example"),
        (" Mail.Customer.Example. ", "mail.customer.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("@customer.example", "customer.example"),
    ],
)
def test_a_domain_is_kept_as_the_dns_has_it(text: str, name: str) -> None:
    row = register(text)
    assert (row.domain, len(row.token) >= 26, len(row.public_key)) == (name, True, 44)
    assert sorted(row.checks.values_list("kind", "last_check")) == sorted((kind.value, "never") for kind in CheckKind)


@pytest.mark.parametrize("text", ["", "com", "co.uk", "a b", "-x-.example", "[192.0.2.1]", "a@b.example", "x" * 300])
def test_what_is_no_domain_of_anybody(text: str) -> None:
    with pytest.raises(sending.DomainUnfit):
        register(text)


def test_a_domain_is_there_once_an_account() -> None:
    row = register("customer.example")
    with pytest.raises(sending.DomainKnown):
        sending.register(account=row.account, domain="Customer.Example", actor=owner_of(row.account))
    assert register("customer.example").token != row.token


def test_there_are_so_many_domains_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "MAX_DOMAINS", 1)
    row = register("customer.example")
    with pytest.raises(sending.TooManyDomains):
        sending.register(account=row.account, domain="second.example", actor=owner_of(row.account))


@pytest.mark.parametrize("selector", ["", "a b", "_x", "x" * 64, "é", "a..b", "a;p=x"])
def test_what_is_no_selector(selector: str) -> None:
    row = register("customer.example")
    with pytest.raises(sending.SelectorUnfit):
        sending.use_selector(domain=row, selector=selector, actor=owner_of(row.account))


def test_what_is_done_is_in_the_audit_log_without_the_token() -> None:
    row = register("customer.example")
    owner = owner_of(row.account)
    sending.use_selector(domain=row, selector="s1", actor=owner)
    sending.remove(domain=row, actor=owner)
    entries = AuditEntry.objects.filter(action__startswith="domain.").order_by("pk")
    assert [entry.action for entry in entries] == ["domain.added", "domain.changed", "domain.removed"]
    assert not any(row.token in str([entry.before, entry.after]) for entry in entries)
