"""Processes of one start, found and ended whatever has become of their parents (Linux: by their environment in /proc).

Every child gets PORTAL_RUN=<number of this start>, and hands it on to its own children.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

MARK = "PORTAL_RUN"
GRACE_SECONDS = 5.0
LAST_GRACE_SECONDS = 1.0


@dataclass
class Roster:
    """Who runs; kept in `run/pids.json`, so that whoever comes next can end what a killed supervisor left."""

    run: str
    parts: dict[str, int] = field(default_factory=dict)  # name: pid of the part's main process
    last: list[str] = field(default_factory=list)  # parts that others need until they have ended

    def save(self, run_dir: Path) -> None:
        path = run_dir / "pids.json"
        unfinished = path.with_suffix(".new")
        unfinished.write_text(json.dumps(asdict(self)), encoding="utf-8")
        unfinished.rename(path)


def read_roster(run_dir: Path) -> Roster | None:
    try:
        return Roster(**json.loads((run_dir / "pids.json").read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def members(run: str) -> set[int]:
    """Give the processes of a start that are alive; zombies have no environment and do not count."""
    mark = f"{MARK}={run}".encode()
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.add(int(entry.name))
    return found


def stop(roster: Roster, run_dir: Path) -> None:
    """End all processes of a start: flag, SIGTERM to the main ones, and after a grace SIGKILL to whatever is left.

    Never SIGTERM to a whole group: a django-q2 cluster hangs when its workers are told, too.
    """
    with suppress(OSError):  # the folder may be gone; the processes are not
        (run_dir / "stop").touch()
    main = set(roster.parts.values()) & members(roster.run)
    last = main & {roster.parts.get(name, 0) for name in roster.last}
    send(signal.SIGTERM, main - last)
    wait_for_end(roster.run, GRACE_SECONDS, but=last)
    kill(roster.run, but=last)
    send(signal.SIGTERM, last)
    wait_for_end(roster.run, LAST_GRACE_SECONDS)
    kill(roster.run)
    (run_dir / "pids.json").unlink(missing_ok=True)


def wait_for_end(run: str, seconds: float, *, but: Iterable[int] = ()) -> None:
    deadline = time.monotonic() + seconds
    while members(run) - set(but) and time.monotonic() < deadline:
        time.sleep(0.05)


def kill(run: str, *, but: Iterable[int] = ()) -> None:
    """SIGKILL until nothing is left; some rounds, as a process may start another meanwhile."""
    for _ in range(20):
        left = members(run) - set(but)
        if not left:
            return
        send(signal.SIGKILL, left)
        time.sleep(0.05)


def send(kind: signal.Signals, pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, kind)


def end_leftovers(run_dir: Path) -> None:
    """Kill what an earlier start left behind when it was killed together with its reaper."""
    roster = read_roster(run_dir)
    if roster is not None:
        kill(roster.run)
        (run_dir / "pids.json").unlink(missing_ok=True)
