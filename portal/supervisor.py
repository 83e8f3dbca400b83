"""Keeps the parts running: web, cluster, sweeper and, in development, the mail world.

Each part leads a session of its own and is started again when it dies, later and later.  SIGTERM, SIGINT or SIGHUP stop
all of them in order; a reaper, forked at the start, does the same when the supervisor itself is killed.
No Django here: ./run uses it before anything is set up.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import resource
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from portal import processes
from portal.watch import Watch

ROOT = Path(__file__).resolve().parent.parent
POLL_SECONDS = 0.1
BACKOFF_FIRST_SECONDS = 1.0
BACKOFF_MOST_SECONDS = 30.0
RESTART_SECONDS = 5.0  # for a part to end by itself when it is to be started again
STEADY_SECONDS = 10.0  # a part that lived so long is taken for healthy
WEB_HEAD_START_SECONDS = 2.5  # people wait for the first page, jobs for nobody
OPEN_FILES = 65_536
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
logger = logging.getLogger(__name__)


class AlreadyRunning(Exception):
    """Somebody else runs on this data folder; `facts` say who and where."""

    def __init__(self, facts: Mapping[str, object]) -> None:
        super().__init__("already running")
        self.facts = facts


@dataclass(frozen=True)
class Part:
    """A program to keep running."""

    name: str
    command: Sequence[str]
    role: str = "command"  # PORTAL_ROLE: chooses the time-outs of its database connections
    last: bool = False  # stopped after the others
    works: bool = False  # started again when work stands still
    delay_seconds: float = 0.0  # before its first start


@dataclass
class Running:
    """A part and its life so far."""

    part: Part
    due: float
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    kill_at: float | None = None  # told to end; killed from then on


def claim(run_dir: Path, facts: Mapping[str, object]) -> int:
    """Take the data folder's lock for as long as we live and leave `facts` for others.  Raises AlreadyRunning.

    Waits while the owner is dead and its reaper still at work.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(run_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + processes.GRACE_SECONDS + processes.LAST_GRACE_SECONDS + 2
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            owner = read_facts(run_dir)
            if is_alive(owner.get("pid")) or time.monotonic() > deadline:
                os.close(descriptor)
                raise AlreadyRunning(owner) from None
            time.sleep(0.1)
    write_facts(run_dir, facts)
    return descriptor


def write_facts(run_dir: Path, facts: Mapping[str, object]) -> None:
    """Tell others who we are and where; for the owner of the lock."""
    unfinished = run_dir / "facts.new"
    unfinished.write_text(json.dumps({"pid": os.getpid(), **facts}), encoding="utf-8")
    unfinished.rename(run_dir / "facts.json")


def read_facts(run_dir: Path) -> dict[str, object]:
    """Give what the owner of the lock left there; empty when there is none."""
    try:
        found = json.loads((run_dir / "facts.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def is_alive(pid: object) -> bool:
    return isinstance(pid, int) and Path(f"/proc/{pid}").exists()


def raise_open_files() -> None:
    """Let us and our children open as many files as the hard limit allows, within reason."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Supervisor:
    """Runs parts until told to stop.  `tick` is called ten times a second."""

    def __init__(
        self,
        *,
        run_dir: Path,
        parts: Sequence[Part],
        tick: Callable[[], None] = lambda: None,
        watch: Watch | None = None,
    ) -> None:
        self.run_dir = run_dir
        self.watch = watch
        self.roster = processes.Roster(run=uuid.uuid4().hex, last=[part.name for part in parts if part.last])
        self.running = [Running(part, due=time.monotonic() + part.delay_seconds) for part in parts]
        self.tick = tick
        self.stopping = False

    def run(self) -> None:
        """Start everything, keep it up, and come back when all of it has ended."""
        processes.end_leftovers(self.run_dir)
        (self.run_dir / "stop").unlink(missing_ok=True)
        raise_open_files()
        for kind in STOP_SIGNALS:
            signal.signal(kind, self.ask_to_stop)
        reaper = Reaper(self.run_dir)
        if self.watch:
            self.watch.start()  # after the fork, which would not take its thread along
        try:
            while not self.stopping:
                if self.watch and self.watch.take_alarm():
                    self._restart_works()
                self._look_after_parts()
                self.tick()
                time.sleep(POLL_SECONDS)
        finally:
            processes.stop(self.roster, self.run_dir)
            self._forget_processes()
            reaper.dismiss()

    def ask_to_stop(self, *_: object) -> None:
        self.stopping = True

    def _look_after_parts(self) -> None:
        now = time.monotonic()
        for one in self.running:
            if one.process is None:
                if now >= one.due:
                    self._start(one, now)
            elif one.process.poll() is not None:
                self._bury(one, now)
            elif one.kill_at is not None and now >= one.kill_at:
                one.process.kill()  # its group follows when it is buried

    def _restart_works(self) -> None:
        """Tell the parts that work to end, main processes only; by the flag a drain gives back what it has."""
        (self.run_dir / "stop").touch()
        for one in self.running:
            if one.part.works and one.process is not None and one.kill_at is None:
                logger.error("work stands still: %s is started again", one.part.name)
                processes.send(signal.SIGTERM, [one.process.pid])
                one.kill_at = time.monotonic() + RESTART_SECONDS

    def _start(self, one: Running, now: float) -> None:
        if one.part.works and not any(other.kill_at for other in self.running):
            (self.run_dir / "stop").unlink(missing_ok=True)  # those that were to end by it have ended
        environment = {**os.environ, "PORTAL_ROLE": one.part.role, processes.MARK: self.roster.run}
        one.process = subprocess.Popen(
            one.part.command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
        )
        one.started = now
        self.roster.parts[one.part.name] = one.process.pid
        self.roster.save(self.run_dir)

    def _bury(self, one: Running, now: float) -> None:
        """End what a dead part left (orphaned workers go on taking work) and set the time of its return."""
        assert one.process is not None
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(one.process.pid, signal.SIGKILL)
        healthy = now - one.started > STEADY_SECONDS or one.kill_at is not None  # we ended it ourselves
        one.failures = 0 if healthy else one.failures + 1
        delay = min(BACKOFF_FIRST_SECONDS * 2 ** max(one.failures - 1, 0), BACKOFF_MOST_SECONDS)
        one.kill_at = None
        logger.warning("%s ended with %s; again in %.0f s", one.part.name, one.process.returncode, delay)
        one.process, one.due = None, now + delay
        self.roster.parts.pop(one.part.name, None)
        self.roster.save(self.run_dir)

    def _forget_processes(self) -> None:
        for one in self.running:
            if one.process is not None:
                one.process.poll()
                one.process = None


class Reaper:
    """A fork that waits for our end on a pipe and then stops all parts that are still noted."""

    def __init__(self, run_dir: Path) -> None:
        ours, self._pipe = os.pipe()
        sys.stdout.flush()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._pipe)
            self._wait(ours, run_dir)
        os.close(ours)

    @staticmethod
    def _wait(pipe: int, run_dir: Path) -> None:
        try:
            os.setsid()
            for kind in STOP_SIGNALS:
                signal.signal(kind, signal.SIG_IGN)
            os.read(pipe, 1)
            roster = processes.read_roster(run_dir)
            if roster is not None:
                processes.stop(roster, run_dir)
        finally:
            os._exit(0)  # nothing of the parent's clean-up belongs to us

    def dismiss(self) -> None:
        """Let the reaper go and wait for its end: it shares our locks."""
        os.close(self._pipe)
        os.waitpid(self._pid, 0)


def standard_parts(*, web: bool = True, mail_world: tuple[str, int] | None = None) -> list[Part]:
    """Give the product's parts; `mail_world` is its DNS address and SMTP port, None to do without."""
    manage = [sys.executable, "manage.py"]
    head_start = WEB_HEAD_START_SECONDS if web else 0.0
    parts = [
        Part("cluster", [*manage, "qcluster"], "cluster", works=True, delay_seconds=head_start),
        Part("sweeper", [*manage, "sweeper"], "sweeper", works=True, delay_seconds=head_start),
        Part("webhooks", [*manage, "webhooks"], "webhooks", delay_seconds=head_start),
    ]
    if web:
        parts.insert(0, Part("web", [*manage, "web"], "web"))
    if mail_world:
        dns, port = mail_world
        world = [sys.executable, "-m", "verification.mailworld", "--dns", dns, "--smtp-port", str(port)]
        parts.insert(0, Part("mail-world", world, last=True))
    return parts
