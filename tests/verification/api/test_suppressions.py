"""`/api/v1/suppressions`: docs/suppression.md."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry, LicenseKey, Scope
from tests.factories import make_key
from tests.verification.test_suppression import days_left, suppress
from verification.domain import suppression_csv
from verification.models import Suppression

pytestmark = pytest.mark.django_db
URL = "/api/v1/suppressions"


class Caller:
    """A program with a key for the account's affairs."""

    def __init__(self, key: LicenseKey, secret: str) -> None:
        self.key, self.account = key, key.account
        self._client = Client(headers={"Authorization": f"Bearer {secret}"})

    def ask(
        self, method: str, path: str = "", body: object = "", kind: str = "application/json"
    ) -> Any:  # Any: response
        return self._client.generic(method, path if path.startswith("http") else URL + path, body, content_type=kind)

    def bring(self, text: str | bytes, kind: str = "text/csv") -> Any:  # Any: response
        return self.ask("POST", "/import", text, kind)


@pytest.fixture
def caller() -> Caller:
    return Caller(*make_key(scopes=[Scope.ACCOUNT]))


def test_add_look_and_remove(caller: Caller) -> None:
    answer = caller.ask("POST", "", '{"email": "Jane <jane@OK.test>", "kind": "soft", "reason": "asked us"}')
    row = Suppression.objects.get()
    said = answer.json()
    assert (answer.status_code, said["id"], said["email"], said["kind"]) == (201, row.pk, "jane@ok.test", "soft")
    assert (said["source"], said["reason"], days_left(row)) == ("api", "asked us", 7)
    assert caller.ask("POST", "", '{"email": "jane@ok.test"}').status_code == 200
    assert caller.ask("GET", f"/{row.pk}").json() | {"addedTs": ""} == {
        "id": row.pk,
        "email": "jane@ok.test",
        "kind": "hand",
        "source": "api",
        "reason": "",
        "addedTs": "",
        "untilTs": None,
    }
    assert caller.ask("DELETE", f"/{row.pk}").status_code == 400
    assert caller.ask("DELETE", f"/{row.pk}?reason=came+back").status_code == 204
    assert caller.ask("DELETE", f"/{row.pk}?reason=came+back").status_code == 404
    acts = AuditEntry.objects.filter(action__startswith="suppression.").order_by("pk")
    assert [act.reason for act in acts] == ["asked us", "", "came back"]
    assert {act.actor_label for act in acts} == {f"key {caller.key.pk}: {caller.key}"}


def test_list_by_pages_search_and_kind(caller: Caller) -> None:
    for name, kind in (("ann", "hand"), ("bob", "hard"), ("cy", "hard")):
        suppress(caller.account, f"{name}@ok.test", kind)
    suppress(None, "all@ok.test")

    def listed(query: str) -> list[str]:
        return [row["email"] for row in caller.ask("GET", query).json()["suppressions"]]

    assert listed("") == ["cy@ok.test", "bob@ok.test", "ann@ok.test"]
    first = caller.ask("GET", "?limit=2").json()
    second = caller.ask("GET", first["next"]).json()
    assert [[row["email"] for row in page["suppressions"]] for page in (first, second)] == [
        ["cy@ok.test", "bob@ok.test"],
        ["ann@ok.test"],
    ]
    assert second["next"] is None
    assert (listed("?search=bob@OK.test"), listed("?search=b@ok"), listed("?kind=hand")) == (
        ["bob@ok.test"],
        ["bob@ok.test"],
        ["ann@ok.test"],
    )
    assert listed("?search=ok.te&kind=hard") == ["cy@ok.test", "bob@ok.test"]


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        "[]",
        '{"email": "nobody"}',
        '{"email": 1}',
        '{"email": "a@ok.test", "kind": "spam"}',
        '{"email": "a@ok.test", "reason": "by b@ok.test"}',
        '{"email": "a@ok.test", "account": 1}',
        '{"email": "a@ok.test", "reason": null}',
    ],
)
def test_what_is_no_entry_is_refused(caller: Caller, body: str) -> None:
    assert caller.ask("POST", "", body).status_code == 400
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("query", ["?limit=0", "?kind=spam", "?cursor=x", "?search=a&search=b"])
def test_what_is_no_query_is_refused(caller: Caller, query: str) -> None:
    assert caller.ask("GET", query).status_code == 400


def test_a_key_for_other_things_is_refused() -> None:
    caller = Caller(*make_key(scopes=[Scope.JOBS, Scope.RESULTS]))
    assert [caller.ask(method).status_code for method in ("GET", "POST")] == [403, 403]
    assert (caller.bring("a@ok.test").status_code, caller.ask("GET", "/export.csv").status_code) == (403, 403)


def test_import_counts_and_names_what_it_refuses(caller: Caller) -> None:
    suppress(caller.account, "known@ok.test")
    rows = [
        "Reason,Email,Kind",
        "left,a@ok.test,hard",
        ",nobody,",
        "",
        ",known@ok.test,",
        ",b@ok.test,spam",
        ",c@ok.test",
    ]
    answer = caller.bring("\ufeff" + "\r\n".join(rows))
    assert (answer.status_code, answer.json()["counts"]) == (200, {"added": 2, "known": 1, "refused": 2})
    assert [row["line"] for row in answer.json()["refused"]] == [3, 6]
    kept = Suppression.objects.order_by("mailbox").values_list("mailbox", "kind", "reason")
    assert list(kept) == [("a@ok.test", "hard", "left"), ("c@ok.test", "hand", ""), ("known@ok.test", "hand", "")]
    assert AuditEntry.objects.get(action="suppression.imported").after == {"added": 2, "known": 1, "refused": 2}


def test_import_of_bare_addresses_of_which_some_repeat(caller: Caller) -> None:
    assert caller.bring("a@ok.test\na@OK.test\nb@ok.test,full").json()["counts"] == {
        "added": 2,
        "known": 1,
        "refused": 0,
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"a@ok.test\n\xff@ok.test\n", "Line 2 is not in UTF-8."),
        (b"a@ok.test\nb\x00@ok.test\n", "Line 2 holds a NUL."),
        (b"a@ok.test\n" + b"b" * 5_000, "Line 2 has more than 4,000 bytes."),
        (b'a@ok.test\n"b@ok.test\n', "Line 2: unexpected end of data."),
        (b"a@ok.test\nb@ok.test\nc@ok.test\n", "A file has 2 rows at most."),
    ],
)
def test_import_of_what_cannot_be_read_keeps_nothing(
    caller: Caller, text: bytes, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suppression_csv, "MOST_ROWS", 2)
    monkeypatch.setattr(suppression_csv, "BLOCK_ROWS", 1)
    answer = caller.bring(text)
    assert (answer.status_code, answer.json()["detail"]) == (400, why)
    assert not Suppression.objects.exists()


def test_import_of_another_type_is_refused(caller: Caller) -> None:
    assert caller.bring("a@ok.test", "text/plain").status_code == 415


def test_what_is_exported_can_be_brought_again(caller: Caller) -> None:
    suppress(caller.account, "=cmd@ok.test", "hard")
    suppress(caller.account, f"#{'0' * 64}").__class__.objects.filter(mailbox__startswith="#").update(erased=True)
    suppress(None, "all@ok.test")
    text = b"".join(caller.ask("GET", "/export.csv").streaming_content)
    assert [line.split(b",")[:2] for line in text.splitlines()] == [[b"email", b"kind"], [b"'=cmd@ok.test", b"hard"]]
    other = Caller(*make_key(scopes=[Scope.ACCOUNT]))
    assert other.bring(text).json()["counts"] == {"added": 1, "known": 0, "refused": 0}
    assert list(Suppression.objects.of(other.account).values_list("mailbox", "kind")) == [("=cmd@ok.test", "hard")]


def test_a_strangers_entry_is_not_there(caller: Caller) -> None:
    for row in (suppress(make_key()[0].account, "jane@ok.test"), suppress(None, "joe@ok.test")):
        assert caller.ask("DELETE", f"/{row.pk}?reason=x").status_code == 404
    assert caller.ask("GET", "/99999999999999999999").status_code == 404
    assert Suppression.objects.count() == 2
