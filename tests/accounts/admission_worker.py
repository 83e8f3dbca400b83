"""A process that calls many times at once with one key: `python -m tests.accounts.admission_worker CALLS SECRET NAME`.

Prints a JSON object: how many calls ended how.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from psycopg_pool import AsyncConnectionPool  # noqa: E402  # after the set-up

from accounts.domain import keys  # noqa: E402
from accounts.domain.admission import Call, Caller, admitting_one  # noqa: E402
from accounts.domain.moves import arun  # noqa: E402
from accounts.domain.quota import QuotaExceeded  # noqa: E402
from accounts.domain.refusals import AccessRefused  # noqa: E402
from tests.accounts.connections import parameters  # noqa: E402

CONNECTIONS = 8


async def main(calls: int, secret: str, name: str) -> Counter[str]:
    caller = Caller(keys.digest(secret), scope="verify", amount=1)

    async with AsyncConnectionPool(
        kwargs=parameters() | {"autocommit": True}, min_size=CONNECTIONS, open=False
    ) as pool:

        async def call(number: int) -> str:
            async with pool.connection(60) as connection:
                try:
                    await arun(connection, admitting_one(caller, Call(f"{name}:{number}", ttl_seconds=60)))
                except (AccessRefused, QuotaExceeded) as refusal:
                    return type(refusal).__name__
                return "let in"

        return Counter(await asyncio.gather(*map(call, range(calls))))


if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.read()
    print(json.dumps(asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))))
