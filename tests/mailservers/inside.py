"""Inside the sandbox: start the name server and the mail servers, run the engine over the table, compare."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.mailservers import exim, opensmtpd, postfix, sandbox
from tests.mailservers.certificate import key_and_certificate
from tests.mailservers.table import PASSAGES, Passage
from tests.mailservers.zone import ADDRESSES, NAME_SERVER, NameServer

SERVERS = (postfix, exim, opensmtpd)
ROLES = {domain: address for server in SERVERS for domain, address in server.ROLES.items()}
START_SECONDS = 20.0
ENGINE_SECONDS = 90.0


def main(work: Path, *, transcript: bool = False) -> int:
    """Print the table with what the engine says; give the exit code."""
    sandbox.furnish(work, [*ADDRESSES, postfix.OWN_ADDRESS, *ROLES.values()], NAME_SERVER)
    return asyncio.run(_run(work, transcript=transcript))


async def _run(work: Path, *, transcript: bool) -> int:
    await NameServer(ROLES).listen()
    await asyncio.to_thread(_start, work)
    differences, rows = 0, 0
    for passage in PASSAGES:
        await asyncio.sleep(passage.wait)
        expected = list(passage.expected())
        started = time.monotonic()
        answers = await _verify(passage, [address for address, _ in expected])
        print(f"\n{passage.title}: {len(expected)} addresses in {time.monotonic() - started:.1f} s", flush=True)
        for address, verdict in expected:
            differences += not _compare(address, verdict, answers.get(address), transcript=transcript)
        rows += len(expected)
    print(f"\n{rows} rows at {len(ROLES)} servers, {differences} differences", flush=True)
    return int(differences > 0)


def _start(work: Path) -> None:
    """Start all servers; return when each takes connections."""
    certificate = work / "certificate.pem"
    certificate.write_bytes(key_and_certificate("mx.real.test"))
    certificate.chmod(0o644)
    for server in SERVERS:
        server.start(work / server.__name__.rpartition(".")[2], certificate)
    until = time.monotonic() + START_SECONDS
    for domain, address in ROLES.items():
        while not _listens(address):
            if time.monotonic() > until:
                raise RuntimeError(f"{domain} did not start within {START_SECONDS:.0f} s")
            time.sleep(0.1)


def _listens(address: str) -> bool:
    """Tell whether a port is bound, without disturbing who greets there."""
    with socket.socket() as probe:
        try:
            probe.bind((address, 25))
        except OSError:
            return True
    return False


async def _verify(passage: Passage, addresses: list[str]) -> dict[str, dict[str, Any]]:  # Any: JSON
    """Run the engine as a command; give its answers by address."""
    options = {
        "--resolver": f"{NAME_SERVER}:53",
        "--helo": passage.helo,
        "--mail-from": passage.mail_from,
        "--source": passage.source,
        "--allow-network": "10.77.0.0/16",
    }
    words = [word for option in options.items() for word in option]
    command = [sys.executable, "-m", "verification.engine", *words, "--evidence", "--file", "-"]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    async with asyncio.timeout(ENGINE_SECONDS):
        output, _ = await process.communicate("\n".join(addresses).encode())
    answers = [json.loads(line) for line in output.splitlines()]
    repeated = [address for address, count in Counter(answer["email"] for answer in answers).items() if count > 1]
    if process.returncode or repeated:
        raise RuntimeError(f"the engine ended with {process.returncode}, more than once in its answers: {repeated}")
    return {answer["email"]: answer for answer in answers}


def _compare(address: str, expected: str, answer: dict[str, Any] | None, *, transcript: bool) -> bool:  # Any: JSON
    """Print a row, with the transcript where it differs or where that is asked for."""
    actual = "{result} {reason} {blame}".format(**answer) if answer else "no answer"
    right = actual == expected
    print(f"{'ok   ' if right else 'WRONG'} {address:40} {actual}" + ("" if right else f", not {expected}"))
    if answer and (transcript or not right):
        print("".join(f"      {line}\n" for line in _transcript(answer)), end="")
    return right


def _transcript(answer: dict[str, Any]) -> Iterator[str]:  # Any: JSON
    for attempt in answer["evidence"].get("attempts", ()):
        said = f"{attempt.get('code', '')} {attempt.get('enhanced', '')} {attempt.get('text', '')}"
        read_as = attempt.get("trouble") or attempt["meaning"]
        yield f"{attempt['address']} {attempt['stage']} {attempt['milliseconds']} ms: {said} -> {read_as}"
    if catch_all := answer["evidence"].get("catch_all"):
        yield f"random recipient: {catch_all['state']}"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), transcript="--transcript" in sys.argv[2:]))
