"""No page asks the database more than ten times, however much there is: many rows of each kind are made before."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.benchmarks.pages_fill import Sizes, fill, jobs_by_size
from tests.portal.pages import pages_for, sign_in
from tests.portal.routes import make_world

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]
MOST_QUERIES = 10
SIZES = Sizes(jobs=(400, *[100] * 6, 100), singles=100, suppressions=100, deliveries=100, ledger=100, others=10)


def test_no_page_asks_more_than_ten_times(client: Client) -> None:
    world = make_world("many")
    with connection.cursor() as cursor:
        fill(cursor.execute, SIZES, world)
    sign_in(client, world.owner)
    longest, *_, at_work = (f"/a/{world.account.slug}/jobs/{job.pk}" for job in jobs_by_size(world.account))
    of_lists = [
        f"{longest}?after=100",
        f"{longest}?show=duplicate",
        f"{longest}/rows/9",
        at_work,
        f"{at_work}/progress",
    ]
    pages = [*pages_for(client, world), *of_lists]
    asked = {}
    for page in pages:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(page).status_code == 200, page
        asked[page] = len(queries)
    assert {page: number for page, number in asked.items() if number > MOST_QUERIES} == {}
    assert len(pages) > 50
