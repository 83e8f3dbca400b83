"""What ./run does once .venv is there: start everything, check everything, or run one management command."""

from __future__ import annotations

import http.client
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import environ
import psycopg

from portal import checks, environment, prepared, supervisor, watch
from portal.environment import ROOT, EnvironmentFaulty, Surroundings
from portal.postgres import Postgres, PostgresFailed, port_is_free

USAGE = """usage: ./run                 start everything; Ctrl-C stops it
       ./run test [...]      check everything; arguments go to pytest
       ./run COMMAND [...]   any management command, e.g. ./run shell; ./run help lists them
"""
WAIT_SECONDS = 1.0  # between two looks for a database that is away
SAY_SECONDS = 30.0
logger = logging.getLogger(__name__)


class LaunchRefused(Exception):
    """Nothing was started; the text says why."""


def main() -> None:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO)
    logging.getLogger("environ").setLevel(logging.WARNING)  # no .env is no news
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGHUP, end)
    words = sys.argv[1:]
    try:
        sys.exit(dispatch(words))
    except (EnvironmentFaulty, PostgresFailed, LaunchRefused) as failure:
        sys.exit(f"run: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)


def dispatch(words: list[str]) -> int:
    match words:
        case [] | ["start"]:
            return start()
        case ["-h" | "--help"]:
            print(USAGE, end="")
            return 0
        case ["test", *arguments]:
            return checks.run(arguments)
    return command(words)


def end(number: int, _frame: object) -> None:
    """End by exception, so that what was started is stopped."""
    sys.exit(128 + number)


def start() -> int:
    """Start everything and stay until told to stop."""
    found = environment.read()
    claim(found)
    with database(found) as postgres:
        if postgres is None:
            wait_for_database()
        world = environment.place_mail_world() if found.mail_world else None
        supervisor.write_facts(found.run_dir, {"url": found.url, "mail_world": world})
        if postgres is None or not prepared.is_current(found.data, found.url):
            prepare(found)
        greeter = Greeter(found)

        def tick() -> None:
            greeter.look()
            if postgres is not None:
                postgres.revive()

        parts = supervisor.standard_parts(mail_world=world)
        env = environ.FileAwareEnv()  # type: ignore[no-untyped-call]  # as in settings
        look = watch.Watch(watch.parameters(env.db("DATABASE_URL")), found.data / "uploads")
        supervisor.Supervisor(run_dir=found.run_dir, parts=parts, tick=tick, watch=look).run()
    return 0


def claim(found: Surroundings) -> None:
    """Take the data folder and see that the port is free.  Raises LaunchRefused."""
    try:
        supervisor.claim(found.run_dir, {"url": found.url})
    except supervisor.AlreadyRunning as other:
        raise LaunchRefused(f"already running: {other.facts.get('url', found.url)}") from None
    except OSError as error:
        raise LaunchRefused(
            f"{found.data} cannot be used ({error}); choose another folder with PORTAL_DATA."
        ) from error
    if not port_is_free(found.host, found.port):
        raise LaunchRefused(f"port {found.port} of {found.host} is taken; choose another: PORT=8001 ./run")


@contextmanager
def database(found: Surroundings) -> Iterator[Postgres | None]:
    """Have a database for all children: the one of DATABASE_URL, else the embedded one.  Raises PostgresFailed."""
    if found.has_database:
        yield None
        return
    postgres = Postgres(found.data)
    os.environ["DATABASE_URL"] = postgres.use()
    try:
        yield postgres
    finally:
        postgres.leave()


def wait_for_database() -> None:
    """Wait for the database of DATABASE_URL for as long as it takes, and say so: it may start after us."""
    env = environ.FileAwareEnv()  # type: ignore[no-untyped-call]  # as in settings
    parameters = watch.parameters(env.db("DATABASE_URL"))
    said = -SAY_SECONDS
    while True:
        try:
            psycopg.connect(**parameters).close()
            return
        except psycopg.OperationalError as error:
            if time.monotonic() - said >= SAY_SECONDS:
                said = time.monotonic()
                logger.warning("waiting for the database: %s", str(error).strip())
            time.sleep(WAIT_SECONDS)


def prepare(found: Surroundings) -> None:
    """Migrate and so on, in a process of its own that a Ctrl-C reaches through us.  Raises LaunchRefused."""
    prepared.forget(found.data)
    if manage(["prepare"], new_session=True) != 0:
        raise LaunchRefused("the database or the static files could not be prepared; the lines above say why.")
    prepared.remember(found.data, found.url)


def manage(words: list[str], *, new_session: bool = False) -> int:
    """Run a management command and give its exit code."""
    process = subprocess.Popen([sys.executable, "manage.py", *words], cwd=ROOT, start_new_session=new_session)
    try:
        return process.wait()
    except KeyboardInterrupt:
        if new_session:
            raise
        return process.wait()  # the terminal has told the command, too; it may have its own mind
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def command(words: list[str]) -> int:
    """Run a management command beside a running ./run, or alone."""
    found = environment.read()
    facts = supervisor.read_facts(found.run_dir)
    world = facts.get("mail_world")
    if supervisor.is_alive(facts.get("pid")) and isinstance(world, list):
        os.environ.setdefault("MAIL_WORLD_DNS", str(world[0]))
        os.environ.setdefault("MAIL_WORLD_SMTP_PORT", str(world[1]))
    prepared.forget(found.data)  # the command may change whatever it likes
    with database(found):
        return manage(words)


class Greeter:
    """Says where to click once the first answer comes."""

    def __init__(self, found: Surroundings) -> None:
        self.found = found
        self.done = False

    def look(self) -> None:
        if not self.done and self._answers():
            self.done = True
            print(self.text(), flush=True)

    def _answers(self) -> bool:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.found.host, self.found.host)  # noqa: S104
        connection = http.client.HTTPConnection(host, self.found.port, timeout=1)
        try:
            connection.request("GET", "/healthz")
            connection.getresponse()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True

    def text(self) -> str:
        note = self.found.data / "first-run.json"
        if self.found.production or not note.exists():
            return f"\n  Ready: {self.found.url}\n"
        return greeting(json.loads(note.read_text(encoding="utf-8")), note)


def greeting(first: dict[str, str], note: Path) -> str:
    return f"""
  Ready: {first["url"]}

  Customer   {first["customer_email"]}   {first["customer_password"]}
  Staff      {first["staff_email"]}   {first["staff_password"]}   {first["url"]}/admin/
  Mail       {first["url"]}/admin/mail/ shows staff what the portal sends
  One check  curl '{first["url"]}/api/emh/a/v2?k={first["license_key"]}&e=someone@ok.test'

  Names below .test are answered by the mail world on this machine: docs/mail-world.md
  Staff need no second step here; in production they do (STAFF_SECOND_FACTOR).
  All of this is kept in {note}. Ctrl-C stops everything.
"""


if __name__ == "__main__":
    main()
