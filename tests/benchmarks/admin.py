"""How long each page of the admin takes with 100,000 accounts and ten million checks.

    python -m tests.benchmarks.admin [--accounts 100000] [--checks 10000000] [--keep FOLDER]

Fills an embedded Postgres of its own (some 9 GB for ten million checks, gone at the end; with --keep it stays in the
folder, and the next run only measures), then asks for the start page, the queue's page and, of each model: its list,
the next and the last page of it, every filter, every order, searches that find little, much and nothing, the page and
the history of the first row, and the form to add one.  In this process, through all middleware; the median of three
after one that is not counted.  Exits with 1 when a page took longer than 300 ms.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import psycopg

from portal.postgres import Postgres

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
    from django.test import Client

MOST_MS = 300.0
ROUNDS = 3
TERMS = ("account-no-77", "Account 777", "customer777@example.com", "777", "no such thing", "evp_live_", "list-77", "a")
MIDDLE_ACCOUNT = 1_077
LINKED = {  # from the page of an account
    *("accounts.LicenseKey", "accounts.LedgerEntry", "accounts.Reservation", "accounts.AuditEntry", "verification.Job"),
}


@dataclass(frozen=True)
class Timed:
    page: str
    milliseconds: float
    queries: int


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--accounts", type=int, default=100_000)
    options.add_argument("--checks", type=int, default=10_000_000)
    options.add_argument("--keep", type=Path)
    options.add_argument("--only", default="", help="a part of the addresses to measure")
    options.add_argument("--all", action="store_true", help="print all pages, not only the 25 slowest")
    options.add_argument("--fill", action="store_true", help="fill and end")
    chosen = options.parse_args()
    with product(chosen.keep) as (url, is_new):
        from tests.benchmarks.admin_fill import Sizes, fill

        if is_new:
            make_first_rows()
            with psycopg.connect(url, autocommit=True) as connection:
                seconds = fill(connection, Sizes(chosen.accounts, chosen.checks))
            print(f"{chosen.accounts:,} accounts and {chosen.checks:,} checks filled in {seconds:.0f} s", flush=True)
        return 0 if chosen.fill else measure(chosen.only, everything=chosen.all)


@contextmanager
def product(keep: Path | None) -> Iterator[tuple[str, bool]]:
    """Give the database of a product, and whether it is new; Django is set up for it."""
    with tempfile.TemporaryDirectory(prefix="portal-admin-") as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711)  # the server runs as another user
        is_new = not (folder / "data").exists()
        postgres = Postgres(folder / "data")
        try:
            url = postgres.use()
            os.environ |= {"DATABASE_URL": url, "PORTAL_DATA": str(folder), "DJANGO_SETTINGS_MODULE": "portal.settings"}
            os.environ |= {"SECRET_KEY": "of-a-benchmark" * 4, "LOG_LEVEL": "ERROR", "STAFF_SECOND_FACTOR": "0"}
            import django
            from django.conf import settings
            from django.core.management import call_command

            django.setup()
            settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
            settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
            call_command("migrate", verbosity=0)
            call_command("createcachetable", verbosity=0)
            yield url, is_new
        finally:
            postgres.leave()


def make_first_rows() -> None:
    from tests.factories import make_staff
    from tests.portal.admin_rows import make_rows

    make_rows(make_staff("staff@candour.example"))


def measure(only: str, *, everything: bool) -> int:
    """Time all pages and print them, slowest first; gives 1 when one is too slow."""
    from django.conf import settings
    from django.test import Client
    from django.test.utils import setup_test_environment, teardown_test_environment

    from accounts.models import User

    client = Client()
    client.force_login(User.objects.get(email="staff@candour.example"))
    setup_test_environment()  # notes the contexts of templates, which takes its time
    every = [page for page in pages(client) if only in page]
    teardown_test_environment()
    settings.ALLOWED_HOSTS = ["testserver"]
    timed = [time_page(client, page) for page in every]
    timed.sort(key=lambda each: -each.milliseconds)
    slow = [each for each in timed if each.milliseconds > MOST_MS]
    for each in timed if everything else timed[: max(len(slow), 25)]:
        mark = "!" if each.milliseconds > MOST_MS else " "
        print(f"{mark} {each.milliseconds:7.1f} ms {each.queries:4} queries  {each.page}")
    print(f"{len(timed)} pages, median {median(each.milliseconds for each in timed):.1f} ms, {len(slow)} over 300 ms")
    return int(bool(slow))


def time_page(client: Client, page: str) -> Timed:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        answer = client.get(page)
        asked = len(queries)
    assert answer.status_code == 200, (page, answer.status_code)
    seconds = []
    for _ in range(ROUNDS):
        begun = time.monotonic()
        client.get(page)
        seconds.append(time.monotonic() - begun)
    return Timed(page, median(seconds) * 1_000, asked)


def pages(client: Client) -> Iterator[str]:
    """Give the addresses to measure."""
    from django.contrib import admin
    from django.urls import reverse

    yield reverse("admin:index")
    yield reverse("admin:queue")
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        url = reverse(f"{name}_changelist")
        changelist: ChangeList = client.get(url).context["cl"]
        yield from (url + query for query in queries_of(changelist))
        if client.get(reverse(f"{name}_add")).status_code == 200:
            yield reverse(f"{name}_add")
        for row in changelist.result_list[:1]:
            yield reverse(f"{name}_change", args=[row.pk])
            yield reverse(f"{name}_history", args=[row.pk])


def queries_of(changelist: ChangeList) -> Iterator[str]:
    """Give the queries of a list: plain, pages, filters, orders, searches."""
    from django.contrib.admin.templatetags.admin_list import result_headers

    yield ""
    for number in {2, changelist.paginator.num_pages} - {1}:
        if number <= changelist.paginator.num_pages:
            yield f"?p={number}"
    for spec in changelist.filter_specs:
        choices: list[Any] = list(spec.choices(changelist))  # Any: what templates read
        yield from (choice["query_string"] for choice in choices[1:6] if "query_string" in choice)
        if "first" in choices[0]:
            yield f"?{choices[0]['first']['name']}=2026-01-01"
    for header in result_headers(changelist):
        if header.get("sortable"):
            yield str(header["url_primary"])
    if changelist.model._meta.label in LINKED:
        yield f"?account__id__exact={MIDDLE_ACCOUNT}"
    if changelist.search_fields:
        yield from (f"?q={term}" for term in (*TERMS, job_id()))


def job_id() -> str:
    from verification.models import Job

    return str(Job.objects.filter(name="job777").values_list("pk", flat=True).first())


if __name__ == "__main__":
    sys.exit(main())
