"""How long the pages of the history take with a million checks in the account, whatever they are asked for.

    python -m tests.benchmarks.history [--rows 1000000] [--times 7] [--export] [--plans]

Fills an embedded Postgres of its own in a temporary folder: lists of 10,000 rows and one of 300,000, single checks of
40 keys between them, over 80 days; two fifths of the addresses are at one domain, most others at some of 50,000.  A
page is asked for through the whole of Django, signed in; told are its median and longest time, what of it this process
worked (the rest is Postgres, and waiting for neighbours on the machine), its queries and its rows.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any

import psycopg

from tests.benchmarks.claims import product
from tests.benchmarks.erasing import EVIDENCE

PART = 10_000  # rows of a list, or single checks between two lists
LONG = (40, 70)  # parts that are one list
KEYS = 40
PEOPLE = """
CREATE UNLOGGED TABLE person AS
SELECT g, 'person' || (g::bigint * 7919 % 1000003) || '@' || domain AS address, domain, hash, g / {part} AS part
FROM (
    SELECT g, hash, CASE WHEN hash % 10 < 4 THEN 'gmail.com' WHEN hash % 10 < 5 THEN 'outlook.com'
                         WHEN g % 200000 = 17 THEN 'rare.example'
                         ELSE 'company-' || (hash / 10) % 50000 || '.example' END AS domain
    FROM (SELECT g, abs(hashint4(g)::bigint) AS hash FROM generate_series(0, {rows} - 1) AS g) AS numbered
) AS named
"""
FILL = (
    """
INSERT INTO verification_check (account_id, job_id, key_id, position, block, block_index, reference, address, domain,
                                classifier, original, created_at)
SELECT %(account)s, j.id,
       CASE WHEN j.id IS NULL
            THEN %(first_key)s + CASE WHEN hash %% 100000 = 3 THEN 0 ELSE 1 + hash %% (%(keys)s - 1) END END,
       CASE WHEN j.id IS NULL THEN 0 ELSE p.g - j.first END, 0, 0, '', p.address, p.domain, '',
       CASE WHEN j.id IS NOT NULL THEN ARRAY['Person ' || p.g, p.address, 'customer since 2019'] END,
       now() - interval '80 days' * (%(rows)s - p.g)::float / %(rows)s
FROM person p LEFT JOIN (
    SELECT id, cost_center::int * {part} AS first, generate_series(cost_center::int, campaign_id::int) AS part
    FROM verification_job
) AS j USING (part) ORDER BY p.g
""",
    """
INSERT INTO verification_check (account_id, position, block, block_index, reference, address, domain, classifier,
                                created_at)
SELECT %(other)s, 0, 0, 0, '', split_part(address, '@', 1) || '@theirs.example', 'theirs.example', '',
       now() - interval '80 days' * (%(rows)s - g)::float / %(rows)s
FROM person WHERE g %% 10 = 0 ORDER BY g
""",
    """
INSERT INTO verification_checkresult (check_row_id, account_id, job_id, result, reason, blame, role, free, disposable,
                                      mail_server_location, duration, normalized, did_you_mean, evidence, final,
                                      charged, checked_at)
SELECT c.id, c.account_id, c.job_id, v.result, v.reason, 'none', false, false, false, 'DE', 12, c.address, '',
       %(evidence)s::jsonb, true, true, c.created_at + interval '1 minute'
FROM verification_check c
CROSS JOIN LATERAL (SELECT abs(hashint8(c.id)::bigint) %% 100000 AS luck) AS drawn
CROSS JOIN LATERAL (SELECT CASE WHEN luck < 2 THEN 'RetryLater' WHEN luck < 5000 THEN 'Unverifiable'
                                WHEN luck < 25000 THEN 'Bad' ELSE 'Ok' END AS result,
                           CASE WHEN luck < 2 THEN 'GreyListing' WHEN luck < 5000 THEN 'ServerIsCatchAll'
                                WHEN luck < 25000 THEN 'MailboxDoesNotExist' ELSE 'Success' END AS reason) AS v
""",
    "VACUUM ANALYZE",
)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--times", type=int, default=7)
    options.add_argument("--export", action="store_true", help="measure the download of all, too")
    options.add_argument("--plans", action="store_true", help="tell how Postgres finds what is wanted")
    chosen = options.parse_args()
    with product() as url, psycopg.connect(url, autocommit=True) as connection:
        begun = time.monotonic()
        names = fill(connection, chosen.rows)
        print(f"filled with {chosen.rows:,} checks in {time.monotonic() - begun:.0f} s", flush=True)
        measure(names, chosen.times)
        if chosen.plans:
            tell_plans(names)
        if chosen.export:
            export(names, chosen.rows)


def fill(connection: psycopg.Connection, rows: int) -> dict[str, Any]:  # Any: models
    """Bring an account with its history, beside another one's; gives what queries are made of."""
    from django.utils import timezone

    from accounts.models import LicenseKey
    from tests.factories import make_account
    from verification.models import Job

    now = timezone.now()
    account, other = make_account("Big"), make_account("Other")
    LicenseKey.objects.bulk_create(
        LicenseKey(account=account, name=f"Key {n}", prefix=f"evp_{n:04}", digest=n.to_bytes(32), last_used_at=now)
        for n in range(KEYS)
    )
    LicenseKey.objects.update(created_at=now - timedelta(days=90))
    first_key = LicenseKey.objects.of(account).order_by("pk").values_list("pk", flat=True)[0]
    parts = rows // PART
    spans = [(part, part) for part in range(parts) if part % 10 < 7 and not LONG[0] <= part < LONG[1]]
    if parts > LONG[1]:
        spans.append((LONG[0], LONG[1] - 1))
    for first, last in sorted(spans):
        length = (last - first + 1) * PART
        job = Job.objects.create(
            account=account,
            source="upload",
            status="finished",
            name=f"List {first}.csv",
            total=length,
            decided=length,
            cost_center=str(first),  # where FILL reads which parts are its
            campaign_id=str(last),
        )
        at = now - timedelta(days=80) * ((rows - first * PART) / rows)
        Job.objects.filter(pk=job.pk).update(created_at=at, finished_at=at, key_id=first_key + first % 30 + 1)
    connection.execute("SET session_replication_role = replica")  # no look at each key
    connection.execute(PEOPLE.format(part=PART, rows=rows))  # constants
    values = {
        "account": account.pk,
        "other": other.pk,
        "rows": rows,
        "first_key": first_key,
        "keys": KEYS,
        "evidence": EVIDENCE,
    }
    for statement in FILL:
        connection.execute(statement.replace("{part}", str(PART)), values if "%(" in statement else None)  # constants
    return values | {"account": account, "now": now}


def queries(names: dict[str, Any]) -> dict[str, str]:
    """Give what is asked for, in the words of the table."""
    from verification.domain.history import Place
    from verification.models import Check, Job

    account = names["account"]
    jobs = Job.objects.of(account)
    long, small = jobs.order_by("-total").first(), jobs.filter(total=PART).order_by("created_at").first()
    assert long is not None
    assert small is not None
    checks = Check.objects.of(account)
    old = checks.filter(job=small, domain__startswith="company").order_by("pk").first()
    assert old is not None
    middle = checks.filter(job=long).order_by("-position").first()
    assert middle is not None
    place = Place(middle.created_at, middle.pk).as_text()
    first = names["first_key"]
    month = "&since=" + f"{old.created_at:%Y-%m-%d}" + "&until=" + f"{middle.created_at:%Y-%m-%d}"
    return {
        "newest": "",
        "from the middle": f"before={place}",
        "one address": f"q={old.address}",
        "one address, nowhere": "q=nobody@gmail.com",
        "one address, verdict, list, key, days": f"q={old.address}&verdict=Ok&job={small.pk}&key={first + 1}{month}",
        "a domain of 10 checks": f"q={old.domain}",
        "a domain of 400,000": "q=gmail.com",
        "a domain of 400,000, days": f"q=gmail.com{month}",
        "a domain of 400,000, rare verdict": "q=gmail.com&verdict=RetryLater",
        "no such domain": "q=nowhere.example",
        "a domain of 100,000 with another account": "q=theirs.example",
        "single checks": "job=none",
        "single checks from the middle": f"job=none&before={place}",
        "single checks, rare verdict": "job=none&verdict=RetryLater",
        "verdict Ok": "verdict=Ok",
        "verdict Bad": "verdict=Bad",
        "verdict of 2 in 100,000": "verdict=RetryLater",
        "verdict of none": "verdict=MailboxFull",
        "waiting (none)": "verdict=waiting",
        "key of many": f"key={first + 5}",
        "key of few": f"key={first}",
        "key of few, verdict Bad, days": f"key={first}&verdict=Bad{month}",
        "no key": "key=none",
        "a list": f"job={small.pk}",
        "a list of 300,000": f"job={long.pk}",
        "a list of 300,000, verdict Bad": f"job={long.pk}&verdict=Bad",
        "a list of 300,000, rare verdict": f"job={long.pk}&verdict=RetryLater",
        "a list of 300,000, domain of many": f"job={long.pk}&q=outlook.com",
        "days": month[1:],
        "days, verdict of none": f"verdict=MailboxFull{month}",
    }


def measure(names: dict[str, Any], times: int) -> None:
    """Ask for each page some times and tell how long it took."""
    from django.conf import settings
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext, override_settings, setup_test_environment

    from accounts.models import User

    setup_test_environment()
    account = names["account"]
    client = Client()
    client.force_login(User.objects.get(memberships__account=account))
    plain = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    logging.getLogger("portal.request").setLevel(logging.WARNING)
    print(f"{'asked for':40}{'median':>9}{'longest':>9}{'own CPU':>9}{'queries':>9}{'rows':>6}")
    with override_settings(STORAGES=settings.STORAGES | plain):
        client.get(f"/a/{account.slug}/checks")  # reads the templates
        for title, query in queries(names).items():
            seconds, own = [], []
            for _ in range(times):
                begun, begun_own = time.perf_counter(), time.process_time()
                with CaptureQueriesContext(connection) as asked:
                    response = client.get(f"/a/{account.slug}/checks?{query}")
                seconds.append(1_000 * (time.perf_counter() - begun))
                own.append(1_000 * (time.process_time() - begun_own))
                assert response.status_code == 200, response.content
            text = response.content.decode()
            end = ", looked back for now" if "ooked back to" in text else ""
            rows = text.count('<td class="when">')
            print(
                f"{title:40}{statistics.median(seconds):6.0f} ms{max(seconds):6.0f} ms{statistics.median(own):6.0f} ms"
                f"{len(asked):9}{rows:6}{end}",
                flush=True,
            )


def tell_plans(names: dict[str, Any]) -> None:
    """Tell the plan of the statement that finds the checks."""
    from django.db import connection
    from django.http import QueryDict

    from verification.domain import history
    from verification.web.history_choice import choice_of

    for title, query in queries(names).items():
        choice = choice_of(QueryDict(query), names["account"])
        asked = history.statement(account=names["account"], wanted=choice.wanted, before=choice.before, limit=51)
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) " + asked.chosen, asked.values)
            print(f"\n{title}", *(line for (line,) in cursor.fetchall()), sep="\n    ")


def export(names: dict[str, Any], rows: int) -> None:
    """Download all checks."""
    import resource

    from verification.domain import history, history_csv

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.monotonic()
    size = sum(len(piece) for piece in history_csv.export(account=names["account"], wanted=history.ALL))
    seconds = time.monotonic() - begun
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    speed = f"{seconds:.0f} s, {rows / seconds:,.0f} rows/s"
    print(f"export of {rows:,}: {speed}, {size / 1e6:.0f} MB, +{more:.0f} MB of memory")


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
