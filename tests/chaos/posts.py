"""Kill the web process while clients hand in jobs, and see that what was accepted is there, whole and once.

    python -m tests.chaos.posts --kills 100 --seed 1
    python -m tests.chaos.posts --control no-transaction      # a broken guard: must end red

Starts a Postgres of its own and, one after the other, web processes on it (tests/chaos/post_server.py).
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import psycopg

from portal.checks import surroundings
from portal.postgres import free_port
from tests.chaos.post_clients import Client, Sent
from tests.chaos.post_server import CONTROLS, Servers, servers

CLIENTS = 4
QUOTA = 100_000_000
INSIDE = "CHAOS_POSTS_INSIDE"
NEWS_SECONDS = 60.0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos.posts", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--control", choices=CONTROLS, default="", help="break a guard first; the end should be red")
    options = parser.parse_args()
    if INSIDE in os.environ:
        return go(options)
    with surroundings() as environment:
        again = [sys.executable, "-m", "tests.chaos.posts", *sys.argv[1:]]
        return subprocess.run(again, env=environment | {INSIDE: "1"}).returncode


def go(options: argparse.Namespace) -> int:
    """Do it, on the database of the environment."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup(set_prefix=False)
    from django.core.management import call_command

    from tests.chaos.post_oracle import faults
    from tests.factories import make_account, make_key

    call_command("migrate", verbosity=0)
    _, secret = make_key(make_account(monthly_quota=QUOTA, calls_per_minute=1_000_000))
    url, began = os.environ["DATABASE_URL"], time.monotonic()

    def ask(statement: str) -> list[tuple[Any, ...]]:  # Any: columns
        with psycopg.connect(url) as own:
            return own.execute(statement).fetchall()

    with servers(free_port(), url, options.control) as source:
        requests = harm(source, secret, kills=options.kills, seed=options.seed)
    found = faults(ask, requests)
    print(f"seed {options.seed}, {options.kills} kills, {time.monotonic() - began:.0f} s\n")
    for name, count in told(requests).items():
        print(f"{name:28}{count:>8,}")
    print()
    for name, count in found.items():
        print(f"{name:28}{count:>8}{'' if not count else '   <--'}")
    print("\n" + ("RED: the promise is broken" if any(found.values()) else "green"))
    return int(any(found.values()))


def told(requests: Sequence[Sent]) -> dict[str, int]:
    return {
        "requests": len(requests),
        "with a key": sum(sent.keyed for sent in requests),
        "addresses": sum(len(sent.emails) for sent in requests),
        "answers that did not come": sum(sent.cut for sent in requests),
        "answers, with those again": sum(len(sent.jobs) for sent in requests),
    }


def harm(source: Servers, secret: str, *, kills: int, seed: int) -> list[Sent]:
    """Kill so many web processes at random moments; gives what was sent, each request with a key answered."""
    rng = random.Random(seed)
    clients = [Client(number, source.url, secret, seed) for number in range(CLIENTS)]
    source.start()
    for client in clients:
        client.start()
    for _ in range(kills):
        wait_for_an_answer(clients)
        time.sleep(rng.uniform(0, 0.4))
        source.kill()
        source.start()
    for client in clients:
        client.done.set()
    for client in clients:
        client.join()
    return [sent for client in clients for sent in client.sent]


def wait_for_an_answer(clients: Sequence[Client]) -> None:
    """Wait until the web process of now answers, so that kills do not only meet one that starts."""
    before = sum(client.answered for client in clients)
    deadline = time.monotonic() + NEWS_SECONDS
    while sum(client.answered for client in clients) == before:
        assert time.monotonic() < deadline, "no answer for a minute"
        time.sleep(0.01)


if __name__ == "__main__":
    sys.exit(main())
