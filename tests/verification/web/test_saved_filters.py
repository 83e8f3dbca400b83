"""Filters with a name: saved on the page of a list, offered on every list of the account and as a download."""

from __future__ import annotations

import re

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.models import Account, AuditEntry, Role
from tests.factories import make_account, make_member
from tests.verification.factories import make_list, owner_of
from tests.verification.web.test_jobs import account, job, page_of, row_numbers
from verification.domain import saved_filters
from verification.domain.row_filter import Chosen, RowFilter
from verification.models import Job, SavedFilter

pytestmark = pytest.mark.django_db
__all__ = ["account", "job"]  # fixtures


def save(client: Client, job: Job, name: str, **choice: str) -> HttpResponse:
    answer = client.post(reverse("save_filter", args=[job.account.slug, job.pk]), {"name": name, **choice}, follow=True)
    assert isinstance(answer, HttpResponse)
    return answer


def remove(client: Client, job: Job, number: int) -> HttpResponse:
    answer = client.post(reverse("remove_filter", args=[job.account.slug, job.pk, number]))
    assert isinstance(answer, HttpResponse)
    return answer


def offered(page: HttpResponse) -> list[tuple[str, str]]:
    """Give address and name of each filter that a page has a link for."""
    nav = page.content.decode().split('aria-label="Saved filters"')
    return re.findall(r'<a href="([^"]+)"[^>]*>([^<]+)</a>', nav[1].split("</nav>")[0]) if len(nav) > 1 else []


def names() -> list[str]:
    return list(SavedFilter.objects.order_by("pk").values_list("name", flat=True))


def test_a_filter_is_offered_on_every_list_and_as_a_download(client: Client, job: Job) -> None:
    answer = save(client, job, "  Gone  at Google ", show="Bad", provider="Google", sort="address")

    query = "?show=Bad&amp;provider=Google"
    assert "The filter Gone at Google is saved." in answer.content.decode()
    assert row_numbers(answer) == [2]
    assert offered(answer) == [(f"{query}#rows", "Gone at Google")]
    other = make_list("email\nz@ok.test\n", account=job.account)
    page = page_of(client, other)
    assert offered(page) == [(f"{query}#rows", "Gone at Google")]
    export = reverse("job_export", args=[other.account.slug, other.pk])
    assert f'href="{export}{query}" download aria-label="Gone at Google as CSV"' in page.content.decode()


def test_the_same_name_again_changes_it(client: Client, job: Job) -> None:
    save(client, job, "Mine", show="Bad")
    answer = save(client, job, "MINE", show="Ok")

    assert "The filter MINE is changed." in answer.content.decode()
    assert list(SavedFilter.objects.values_list("name", "choice")) == [("MINE", {"kind": "Ok"})]


def test_a_filter_is_removed_and_all_is_in_the_audit_log(client: Client, job: Job) -> None:
    save(client, job, "Mine", show="Bad")
    assert remove(client, job, SavedFilter.objects.get().pk).status_code == 302

    assert names() == []
    assert offered(page_of(client, job)) == []
    acts = AuditEntry.objects.filter(action__startswith="filter.").order_by("pk").values_list("action", "object_label")
    assert list(acts) == [("filter.saved", "Mine"), ("filter.removed", "Mine")]


@pytest.mark.parametrize(
    ("name", "choice", "words"),
    [
        ("", {}, "has 1 to 40 characters"),
        ("x" * 41, {}, "has 1 to 40 characters"),
        ("jane@ok.test", {}, "is not kept"),
        ("Jane", {"q": "jane@ok.test"}, "is not kept"),
        ("Jane", {"q": "jane"}, "is not kept"),
        ("Jane", {"provider": "jane@ok.test"}, "is not kept"),
    ],
)
def test_what_is_not_saved(client: Client, job: Job, name: str, choice: dict[str, str], words: str) -> None:
    assert words in save(client, job, name, **choice).content.decode()
    assert names() == []


def test_a_domain_is_kept(client: Client, job: Job) -> None:
    save(client, job, "Ours", q="@ok.test")
    assert SavedFilter.objects.get().choice == {"kind": "all", "text": "@ok.test"}


def test_each_is_removed_by_a_button_of_its_own(client: Client, job: Job) -> None:
    save(client, job, "One")
    page = save(client, job, "Two").content.decode()
    made = SavedFilter.objects.order_by("pk").values_list("pk", flat=True)
    buttons = re.findall(r'formaction="([^"]+)">Remove', page)
    assert buttons == [reverse("remove_filter", args=[job.account.slug, job.pk, number]) for number in made]


def test_an_account_keeps_so_many(client: Client, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_filters, "MOST", 1)
    save(client, job, "One")
    assert "An account keeps at most 1 filters" in save(client, job, "Two").content.decode()
    save(client, job, "one", show="Ok")
    assert names() == ["one"]


def test_a_member_saves_and_a_viewer_only_uses(client: Client, job: Job) -> None:
    client.force_login(make_member(job.account))
    save(client, job, "Ours", show="Bad")
    client.force_login(make_member(job.account, Role.VIEWER))

    assert save(client, job, "Mine").status_code == 403
    assert remove(client, job, SavedFilter.objects.get().pk).status_code == 403
    page = page_of(client, job)
    assert offered(page) == [("?show=Bad#rows", "Ours")]
    assert "Save what is shown" not in page.content.decode()
    assert names() == ["Ours"]


def test_strangers_and_other_accounts_find_nothing(client: Client, account: Account, job: Job) -> None:
    save(client, job, "Ours", show="Bad")
    ours = SavedFilter.objects.get().pk
    stranger = make_account()
    theirs = make_list("email\nz@ok.test\n", account=stranger)
    client.force_login(owner_of(stranger))

    assert save(client, job, "Mine").status_code == 404
    assert remove(client, job, ours).status_code == 404
    assert remove(client, theirs, ours).status_code == 404
    assert offered(page_of(client, theirs)) == []
    save(client, theirs, "Ours", show="Ok")  # a name is an account's own
    assert names() == ["Ours", "Ours"]


def test_what_is_kept_is_what_is_read(account: Account) -> None:
    chosen = Chosen(RowFilter.RISKY, provider="Google", text="@ok.test")
    row, is_new = saved_filters.save(account=account, name="Mine", chosen=chosen, actor=owner_of(account))
    assert (Chosen.from_dict(row.choice), is_new) == (chosen, True)
