"""Trouble of other kinds than a kill, one kind a run of a product at work, judged as the kills are.

python -m tests.chaos.trouble                    # all kinds, some ten minutes
python -m tests.chaos.trouble pusher deploy      # these
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from portal import processes
from portal.postgres import Postgres
from tests.chaos.__main__ import RESULTS, SETTINGS, unended, wait_for_end, wait_for_news
from tests.chaos.oracle import faults
from tests.chaos.product import Product, children
from tests.chaos.work import expected, hand_in

ROWS = 3_000  # of a run, in three lists
AWAY_SECONDS = 30.0
FULL_SECONDS = 20.0
DISK_MEGABYTES = 250
WORKERS = 4
SMALL = 100  # addresses of the small job
Facts = dict[str, object]


def list_of(number: int) -> list[str]:
    return [expected(row)[0] for row in range(number, ROWS, 3)]


def begin(product: Product) -> int:
    """Hand in a list and wait until its first results are there; gives how many."""
    hand_in(product, "part-0.csv", list_of(0))
    while (count := product.ask(RESULTS)[0][0]) < 50:
        time.sleep(0.1)
    return int(count)


def go_on(product: Product) -> None:
    """Hand in the rest."""
    for number in (1, 2):
        hand_in(product, f"part-{number}.csv", list_of(number))


def queue_of(product: Product) -> list[int]:
    """Wait for the queue; gives its processes in the order of their start: workers, monitor, pusher."""
    while True:
        roster = processes.read_roster(product.data / "run")
        found = sorted(children(children({roster.parts["cluster"]}))) if roster and "cluster" in roster.parts else []
        if len(found) == WORKERS + 2:
            return found
        time.sleep(0.2)


def resumed(product: Product, before: int) -> Facts:
    seconds = wait_for_news(product, before)
    return {"went on after": f"{seconds:.1f} s" if seconds is not None else "not within 90 s", "bad": seconds is None}


# -- kinds of trouble: each gives what it saw; "bad" tells of a broken promise


def pusher(product: Product) -> Facts:
    """SIGSTOP of the queue's pusher while nothing else is at work."""
    os.kill(queue_of(product)[-1], signal.SIGSTOP)
    hand_in(product, "part-0.csv", list_of(0))
    seen = resumed(product, 0)
    go_on(product)
    return seen


def worker(product: Product) -> Facts:
    """SIGSTOP of all idle workers while a drain goes on; a list handed in must be read."""
    begin(product)
    for pid in set(queue_of(product)[:-2]) - product.draining():
        os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    hand_in(product, "part-1.csv", list_of(1))
    while product.ask("SELECT 1 FROM verification_job WHERE name = 'part-1.csv' AND is_reading"):
        time.sleep(0.2)
    seconds = time.monotonic() - began
    hand_in(product, "part-2.csv", list_of(2))
    return {"list read after": f"{seconds:.1f} s", "bad": seconds > 90}


def backends(product: Product) -> Facts:
    """All connections to the database end, ten times, 2 s apart."""
    begin(product)
    for _ in range(10):
        product.ask(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        time.sleep(2)
    seen = resumed(product, product.ask(RESULTS)[0][0])
    go_on(product)
    return seen


def database(product: Product) -> Facts:
    """Postgres stops at once and stays away for 30 s."""
    before = begin(product)
    with frozen_guard(product):
        os.kill(postmaster(product), signal.SIGQUIT)
        answers = statuses(product, AWAY_SECONDS)
    seen = resumed(product, before)
    go_on(product)
    return seen | {"answers meanwhile": answers, "bad": seen["bad"] or bool(set(answers) - {503})}


@contextmanager
def frozen_guard(product: Product) -> Iterator[None]:
    """Hold the process that would start Postgres again."""
    parent = int(Path(f"/proc/{postmaster(product)}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(parent, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(parent, signal.SIGCONT)


def postmaster(product: Product) -> int:
    return int((product.data / "postgres" / "cluster" / "postmaster.pid").read_text().split()[0])


def statuses(product: Product, seconds: float) -> dict[int, int]:
    """Ask pages and calls for some seconds; gives how often which status came."""
    key = {"X-License-Key": product.first_run["license_key"]}
    call = f"/api/emh/a/v2?k={product.first_run['license_key']}&e=jane@ok.test"
    job = "/api/v1/jobs/00000000-0000-0000-0000-000000000000"
    paths = ("/", "/accounts/login/", "/admin/", job, "/healthz", call)
    found: dict[int, int] = {}
    deadline = time.monotonic() + seconds
    with httpx.Client(base_url=product.url, timeout=20, cookies={"sessionid": "x" * 32}) as client:
        time.sleep(1)
        while time.monotonic() < deadline:
            for path in paths:
                status = client.get(path, headers=key).status_code
                if status not in (200, 302):  # the sign-in page needs no row
                    found[status] = found.get(status, 0) + 1
    return found


def secret_key(product: Product) -> Facts:
    """The product stops in the middle of a job and starts with another SECRET_KEY."""
    before = begin(product)
    product.process.kill()
    product.process.wait()
    began = time.monotonic()
    product.start(SECRET_KEY=secrets.token_urlsafe(50))
    seen = resumed(product, before)
    go_on(product)
    return seen | {"with the start": f"{time.monotonic() - began:.1f} s"}


def deploy(product: Product) -> Facts:
    """SIGTERM under load, three times; each next start goes on."""
    begin(product)
    go_on(product)
    stops = []
    for _ in range(3):
        began = time.monotonic()
        left = product.stop()
        stops.append(time.monotonic() - began)
        product.start()
        time.sleep(2)
    suspects = product.ask("SELECT count(*) FROM verification_batch WHERE alone OR attempts > 0")[0][0]
    return {"stops": ", ".join(f"{each:.1f} s" for each in stops), "suspected": suspects, "bad": left or suspects}


def disk(product: Product) -> Facts:
    """The disk of the database fills up, and has room again 20 s later."""
    before = begin(product)
    ballast = product.data / "postgres" / "ballast"
    answers: dict[int, int] = {}
    filling = threading.Event()
    filler = threading.Thread(target=fill, args=(ballast, filling))
    filler.start()
    with suppress(httpx.HTTPError):
        answers = statuses(product, FULL_SECONDS)
    filling.set()
    filler.join()
    ballast.unlink()
    seen = resumed(product, before)
    go_on(product)
    return seen | {"answers meanwhile": answers, "bad": seen["bad"] or 500 in answers}


def fill(ballast: Path, done: threading.Event) -> None:
    with ballast.open("wb", buffering=0) as file:
        while not done.is_set():
            try:
                file.write(b"x" * 65_536)
            except OSError:
                time.sleep(0.01)


def fairness(product: Product) -> Facts:
    """One account brings a long list, then another brings 100 addresses."""
    secret = second_key(product)
    idle = time_of_job(product, secret, range(SMALL))
    hand_in(product, "part-0.csv", [expected(row)[0] for row in range(2 * SMALL, ROWS)])
    while product.ask(RESULTS)[0][0] < 2 * SMALL:
        time.sleep(0.1)
    beside = time_of_job(product, secret, range(SMALL, 2 * SMALL))
    still = bool(product.ask("SELECT 1 FROM verification_job WHERE name = 'part-0.csv' AND status <> 'finished'"))
    seen: Facts = {"alone": f"{idle:.1f} s", "beside a long list": f"{beside:.1f} s", "which still ran": still}
    return seen | {"bad": beside > 2 * idle + 30}


SECOND_KEY = """
from accounts.domain import accounts, keys
from accounts.models import KeyKind, User
from django.utils import timezone
owner = User.objects.create(email="second@second.example")
account = accounts.open_account(name="Second", slug="second", owner=owner, monthly_quota=1_000)
print(keys.create_key(account=account, name="A key", kind=KeyKind.LIVE, actor=None, now=timezone.now())[1])
"""


def second_key(product: Product) -> str:
    """Open another account; gives its key."""
    command = [sys.executable, "-m", "portal.launcher", "shell", "-v", "0", "-c", SECOND_KEY]
    done = subprocess.run(
        command, cwd=product.tree, env=product.environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split()[-1]


def time_of_job(product: Product, secret: str, rows: range) -> float:
    """Hand in a request; gives the seconds until all of it is done."""
    recipients = [{"mail": {"to": [{"email": expected(row)[0]} for row in rows]}}]
    began = time.monotonic()
    key = {"X-License-Key": secret}
    httpx.post(f"{product.url}/api/v1/jobs", json={"recipients": recipients}, headers=key).raise_for_status()
    while product.ask("SELECT 1 FROM verification_job WHERE source = 'api' AND status <> 'finished'"):
        time.sleep(0.1)
    return time.monotonic() - began


def late_database(product: Product) -> Facts:
    """The product started while its database was down, 15 s before it came; see `late`."""
    before = begin(product)
    go_on(product)
    return resumed(product, before)


KINDS: dict[str, Callable[[Product], Facts]] = {
    "pusher": pusher,
    "worker": worker,
    "backends": backends,
    "database": database,
    "late-database": late_database,
    "secret-key": secret_key,
    "deploy": deploy,
    "fairness": fairness,
    "disk": disk,
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos.trouble", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], metavar="KIND", help=", ".join(KINDS))
    kinds = parser.parse_args().kinds or list(KINDS)
    red = [kind for kind in kinds if not run(kind)]
    print("\n" + (f"RED: {', '.join(red)}" if red else "green"))
    return int(bool(red))


def run(kind: str) -> bool:
    """Provoke one kind of trouble; tells whether all promises held, and how."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="portal-trouble-") as folder, surroundings(kind, Path(folder)) as given:
        product = Product(SETTINGS | given, lambda tree: prepare(kind, tree))
        kept = True
        try:
            seen = KINDS[kind](product)
            wait_for_end(product, 120)
            counts = faults(product, ROWS) | {"jobs open": unended(product), "processes left": len(product.stop())}
            wrong = {name: count for name, count in counts.items() if count}
            kept = bool(wrong or seen.pop("bad", False))
        finally:
            if product.process.poll() is None:
                product.stop()
            if kind == "disk":
                subprocess.run(["umount", "-l", product.data / "postgres"], check=True)
            if not kept:
                product.forget()
    told = [f"{name} {what}" for name, what in (seen | wrong).items()]
    verdict = "RED" if kept else "green"
    print(f"{kind:14}{time.monotonic() - began:6.0f} s  {verdict:6}{', '.join(told)}", flush=True)
    return not kept


@contextmanager
def surroundings(kind: str, folder: Path) -> Iterator[dict[str, str]]:
    """Give the settings that a kind of trouble needs, and what they name."""
    if kind == "late-database":
        folder.chmod(0o711)
        away = Postgres(folder / "elsewhere")
        url = away.use()
        away.leave()
        back = threading.Timer(15, away.use)
        back.start()
        yield {"DATABASE_URL": url}
        back.join()
        away.leave()
    else:
        yield {}


def prepare(kind: str, tree: Path) -> None:
    """Have a small disk for the database before the product starts."""
    if kind == "disk":
        place = tree.parent / "data" / "postgres"
        place.mkdir(parents=True)
        place.parent.chmod(0o711)
        size = f"size={DISK_MEGABYTES}m,mode=0711"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", place], check=True)


if __name__ == "__main__":
    sys.exit(main())
