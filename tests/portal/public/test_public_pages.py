"""The pages for everybody, by strangers and by people who are signed in."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry, PublicText
from portal.public import pages
from portal.public.markup import render
from portal.public.urls import urlpatterns
from tests.factories import make_account, make_staff, make_user
from tests.verification.factories import owner_of
from verification.domain import public_status

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]
DOCS = [f"/docs/{name}" for name in pages.names().values()]
FIXED = ["/docs/", "/docs/verdicts", "/status", "/terms", "/privacy"]
LINK = re.compile(r'href="([^"]*)"')


def test_no_page_is_forgotten_here() -> None:
    assert len(urlpatterns) == len(FIXED) + 1  # and that of a document


@pytest.mark.parametrize("path", ["/", *FIXED, "/docs/quick-start"])
def test_strangers_see_it_and_get_no_cookie(client: Client, path: str) -> None:
    public_status.forget()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        response = client.get(path)
    assert (response.status_code, dict(response.cookies)) == (200, {})
    assert len(queries) <= 3
    assert response["Cache-Control"] == "no-store, private"
    assert client.head(path).status_code == 200
    assert client.post(path).status_code == 405


@pytest.mark.parametrize("path", [*FIXED, "/docs/quick-start"])
def test_people_who_are_signed_in_see_it_too(client: Client, path: str) -> None:
    client.force_login(make_user("jane@example.com"))
    public_status.forget()
    with CaptureQueriesContext(connection) as queries:
        response = client.get(path)
    assert (response.status_code, "jane@example.com" in response.text) == (200, True)
    assert len(queries) <= 10


def test_whoever_is_signed_in_is_led_to_their_account(client: Client) -> None:
    account = make_account()
    client.force_login(owner_of(account))
    assert client.get("/")["Location"] == f"/a/{account.slug}/"


def test_every_link_of_the_pages_leads_somewhere(client: Client) -> None:
    found: dict[str, set[str]] = {}
    for path in ["/", *FIXED, *DOCS]:
        for link in LINK.findall(client.get(path).text):
            if link.startswith(("/", "#")) and not link.startswith(("/static/", "/?e=")):
                page, _, heading = link.partition("#")
                found.setdefault(page or path, set()).add(heading)
    for page, headings in found.items():
        response = client.get(page)
        assert response.status_code == 200, page
        named = set(re.findall(r'id="([^"]*)"', response.text))
        assert headings - {""} - named == set(), page


def test_documents_name_this_portal_and_none_of_its_files(client: Client) -> None:
    for path in DOCS:
        article = client.get(path).text.partition("<article")[2].partition("</article>")[0]
        assert re.findall(r"<a [^>]*>[^<]*\.md</a>", article) == [], path
    assert "<h2" in article


@pytest.mark.parametrize("name", ["operations", "architecture", "benchmarks", "decisions", "no-such-page"])
def test_what_is_not_for_customers_has_no_page(client: Client, name: str) -> None:
    assert client.get(f"/docs/{name}").status_code == 404


def test_no_tag_and_no_script_comes_out_of_a_text() -> None:
    text = "# A & b\n<script>x</script> <b>y</b> ![](http://x.example/i.png) [z](javascript:x) [w](https://w.example)\n"
    assert render(text) == (
        '<h1 id="a--b">A &amp; b</h1>\n<p>&lt;script&gt;x&lt;/script&gt; &lt;b&gt;y&lt;/b&gt;  '
        '[z](javascript:x) <a href="https://w.example">w</a></p>\n'
    )


@pytest.mark.parametrize(("path", "kind"), [("/terms", "terms"), ("/privacy", "privacy")])
def test_staff_write_terms_and_privacy(client: Client, path: str, kind: str) -> None:
    assert "has not written this text yet" in client.get(path).text
    staff = Client()
    staff.force_login(person := make_staff())
    assert f"/admin/accounts/publictext/add/?kind={kind}" in staff.get(path).text
    staff.post("/admin/accounts/publictext/add/", {"kind": kind, "text": "# Ours\n\nBe <b>kind</b>."})
    row = PublicText.objects.get()
    assert f"/admin/accounts/publictext/{row.pk}/change/" in staff.get(path).text
    staff.post(f"/admin/accounts/publictext/{row.pk}/change/", {"text": "# Ours\n\nBe <b>good</b>."})
    shown = client.get(path).text
    assert "<p>Be &lt;b&gt;good&lt;/b&gt;.</p>" in shown
    assert "Edit this text" not in shown
    entries = AuditEntry.objects.filter(action="text.changed").order_by("pk").values_list("actor", "before", "after")
    kind_one, good_one = ({"text": f"# Ours\n\nBe <b>{word}</b>."} for word in ("kind", "good"))
    assert list(entries) == [(person.pk, None, kind_one), (person.pk, kind_one, good_one)]
