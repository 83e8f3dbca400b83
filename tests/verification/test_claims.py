from __future__ import annotations

import asyncio

import pytest
from psycopg import AsyncConnection

from accounts.domain import accounts
from tests.factories import make_account
from tests.verification.factories import make_job
from tests.verification.test_drain import claim_one
from verification.domain import claims, jobs
from verification.domain.claims import Lease
from verification.domain.database import connection_kwargs

pytestmark = pytest.mark.django_db(transaction=True)


def test_only_running_jobs_of_active_accounts_are_claimed() -> None:
    job = make_job(["jane@ok.test"])
    jobs.pause(job=job)
    assert claim_one() == []
    jobs.resume(job=job)
    accounts.suspend(account=job.account)
    assert claim_one() == []
    accounts.resume(account=job.account)
    assert [lease.job_id for lease in claim_one()] == [job.pk]


def test_accounts_take_turns() -> None:
    big, small = make_account(), make_account()
    first = [make_job([f"a{n}@ok.test"], account=big) for n in range(5)]
    late = make_job(["b@ok.test"], account=small)

    async def go() -> list[Lease]:
        async with await AsyncConnection.connect(**connection_kwargs("drain"), autocommit=True) as own:
            return await claims.claim(own, limit=2)

    assert {lease.account_id for lease in asyncio.run(go())} == {big.pk, small.pk}
    assert late.pk not in {job.pk for job in first}


def test_a_claim_locks_what_it_takes_and_another_takes_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verification.domain.intake.BATCH_SIZE", 1)
    make_job([f"user{n}@ok.test" for n in range(5)])

    async def go() -> tuple[list[Lease], int, list[Lease]]:
        kwargs = connection_kwargs("drain")
        async with (
            await AsyncConnection.connect(**kwargs, autocommit=True) as one,
            await AsyncConnection.connect(**kwargs, autocommit=True) as other,
        ):
            async with one.transaction():
                mine = await claims.claim(one, limit=2)
                free = await other.execute("SELECT id FROM verification_batch FOR UPDATE SKIP LOCKED")
                theirs = await claims.claim(other, limit=2)
            return mine, free.rowcount, theirs

    mine, free, theirs = asyncio.run(go())
    assert (len(mine), free, len(theirs)) == (2, 3, 2)
    assert not {lease.id for lease in mine} & {lease.id for lease in theirs}
