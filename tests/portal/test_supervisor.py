"""The supervisor with small parts of our own, told and killed in all ways."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portal import processes
from portal.supervisor import AlreadyRunning, claim, read_facts

STEADY = "import time; time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
PARENT = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
SCRIPT = """
import json, sys
from pathlib import Path
from portal import processes, supervisor
processes.GRACE_SECONDS = 0.5
supervisor.BACKOFF_FIRST_SECONDS = 0.1
run_dir, parts = Path(sys.argv[1]), json.loads(sys.argv[2])
supervisor.claim(run_dir, {"url": "http://here"})
parts = [
    supervisor.Part(name, [sys.executable, "-c", code], role=name, last=name == "world", works=name == "cluster")
    for name, code in parts.items()
]

class Alarm:
    # tells of silence whenever the file "silent" is there
    def start(self): pass
    def take_alarm(self):
        silent = (run_dir / "silent").exists()
        (run_dir / "silent").unlink(missing_ok=True)
        return silent

supervisor.RESTART_SECONDS = 0.5
supervisor.Supervisor(run_dir=run_dir, parts=parts, watch=Alarm()).run()
"""
Start = Callable[[dict[str, str]], "subprocess.Popen[bytes]"]


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def start(run_dir: Path) -> Iterator[Start]:
    started = []

    def start(parts: dict[str, str]) -> subprocess.Popen[bytes]:
        before = processes.read_roster(run_dir)
        process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(run_dir), json.dumps(parts)])
        started.append(process)
        until(lambda: set(parts_of(run_dir)) == set(parts) and processes.read_roster(run_dir) != before)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
    until(lambda: processes.read_roster(run_dir) is None)


def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def parts_of(run_dir: Path) -> dict[str, int]:
    roster = processes.read_roster(run_dir)
    return roster.parts if roster else {}


def run_number(run_dir: Path) -> str:
    roster = processes.read_roster(run_dir)
    assert roster is not None
    return roster.run


def test_each_part_runs_in_its_role_and_session(start: Start, run_dir: Path) -> None:
    start({"web": STEADY, "sweeper": STEADY})
    for name, pid in parts_of(run_dir).items():
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        assert f"PORTAL_ROLE={name}".encode() in environment
        assert os.getsid(pid) == pid


def test_a_dead_part_is_started_again_and_its_orphans_ended(start: Start, run_dir: Path) -> None:
    start({"cluster": PARENT + "; time.sleep(600)", "web": STEADY})
    until(lambda: len(processes.members(run_number(run_dir))) == 3)
    before = parts_of(run_dir)
    [orphan] = children(before["cluster"])
    os.kill(before["cluster"], signal.SIGKILL)
    until(lambda: parts_of(run_dir).get("cluster", before["cluster"]) != before["cluster"])
    assert orphan not in processes.members(run_number(run_dir))
    assert parts_of(run_dir)["web"] == before["web"]


@pytest.mark.parametrize("code", [STEADY, STUBBORN], ids=["ends when told", "must be killed"])
def test_standing_still_the_cluster_is_started_again(start: Start, run_dir: Path, code: str) -> None:
    start({"cluster": code, "web": STEADY})
    before = parts_of(run_dir)
    (run_dir / "silent").touch()
    until(lambda: parts_of(run_dir).get("cluster", 0) not in (0, before["cluster"]))
    assert parts_of(run_dir)["web"] == before["web"]
    assert not Path(f"/proc/{before['cluster']}").exists()
    assert not (run_dir / "stop").exists()


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_told_to_stop_it_leaves_nothing(start: Start, run_dir: Path, kind: signal.Signals) -> None:
    process = start({"web": STEADY, "cluster": STUBBORN, "world": STEADY})
    number = run_number(run_dir)
    process.send_signal(kind)
    assert process.wait(10) == 0
    assert processes.members(number) == set()
    assert (run_dir / "stop").exists()
    assert processes.read_roster(run_dir) is None


def test_what_others_need_is_stopped_last(start: Start, run_dir: Path) -> None:
    process = start({"world": STUBBORN, "cluster": STUBBORN})
    number, parts = run_number(run_dir), parts_of(run_dir)
    process.terminate()
    until(lambda: (run_dir / "stop").exists())
    assert processes.members(number) == set(parts.values())
    until(lambda: parts["cluster"] not in processes.members(number))
    assert processes.members(number) == {parts["world"]}


def test_killed_it_leaves_nothing_either(start: Start, run_dir: Path) -> None:
    process = start({"web": STEADY, "cluster": STUBBORN})
    number = run_number(run_dir)
    process.kill()
    until(lambda: processes.members(number) == set())


def test_the_next_start_ends_what_nobody_else_could(start: Start, run_dir: Path) -> None:
    process = start({"web": STUBBORN})
    number = run_number(run_dir)
    [reaper] = children(process.pid) - set(parts_of(run_dir).values())
    os.kill(reaper, signal.SIGKILL)
    process.kill()
    process.wait()
    assert len(processes.members(number)) == 1
    start({"web": STEADY})
    assert processes.members(number) == set()
    assert not (run_dir / "stop").exists()


def children(pid: int) -> set[int]:
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def test_one_supervisor_a_folder(start: Start, run_dir: Path) -> None:
    process = start({"web": STEADY})
    assert read_facts(run_dir) == {"pid": process.pid, "url": "http://here"}
    with pytest.raises(AlreadyRunning) as refusal:
        claim(run_dir, {})
    assert refusal.value.facts["url"] == "http://here"


def test_a_dead_owner_is_no_owner(start: Start, run_dir: Path) -> None:
    process = start({"web": STUBBORN})
    process.kill()
    process.wait()
    os.close(claim(run_dir, {"url": "http://there"}))
    assert read_facts(run_dir)["url"] == "http://there"


def test_a_broken_note_is_no_roster(run_dir: Path) -> None:
    run_dir.mkdir()
    (run_dir / "pids.json").write_text("{")
    assert processes.read_roster(run_dir) is None
