"""`python -m verification.engine` as people run it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.fixtures_mail_world import MailWorld

FIELDS = [
    "result",
    "reason",
    "role",
    "free",
    "disposable",
    "email",
    "domain",
    "user",
    "mailServerLocation",
    "duration",
    "blame",
]


def run(world: MailWorld, *arguments: str, stdin: bytes = b"") -> list[dict[str, object]]:
    command = [sys.executable, "-W", "error", "-m", "verification.engine", "--resolver", world.dns]
    command += ["--smtp-port", str(world.smtp_port), "--allow-network", "127.1.0.0/16", "--helo", "probe.example.org"]
    done = subprocess.run([*command, *arguments], input=stdin, capture_output=True, timeout=30, check=True)
    assert done.stderr == b""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_addresses_from_the_command_line(mail_world: MailWorld) -> None:
    [line] = run(mail_world, "missing@ok.test")
    assert list(line) == FIELDS
    assert (line["result"], line["reason"], line["blame"]) == ("Bad", "MailboxDoesNotExist", "address")


def test_a_file_in_order_of_completion(mail_world: MailWorld, tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_bytes(b"slow@slow-300.test\r\n\r\njane@ok.test\nno\xffbody\n")
    lines = run(mail_world, "--file", str(file), "nobody")
    assert [line["email"] for line in lines] == ["nobody", "no\udcffbody", "jane@ok.test", "slow@slow-300.test"]


def test_standard_input_with_few_in_flight(mail_world: MailWorld) -> None:
    stdin = "".join(f"user{n}@bulk-{n % 7 + 1}.test\n" for n in range(50)).encode()
    lines = run(mail_world, "--file", "-", "--concurrency", "3", stdin=stdin)
    assert sorted(str(line["email"]) for line in lines) == sorted(stdin.decode().split())
    assert {line["result"] for line in lines} == {"Ok"}


def test_evidence_on_demand(mail_world: MailWorld) -> None:
    [line] = run(mail_world, "--evidence", "a@nullmx.test")
    assert list(line) == [*FIELDS, "normalized", "did_you_mean", "evidence"]
    assert (line["normalized"], line["did_you_mean"]) == ("a@nullmx.test", "")
    assert line["evidence"] == {"mail_hosts": "null_mx", "mail_hosts_detail": "null MX"}


def test_a_deadline(mail_world: MailWorld) -> None:
    [line] = run(mail_world, "--deadline", "0.5", "a@silent.test")
    assert (line["result"], line["blame"]) == ("RetryLater", "their_outage")
