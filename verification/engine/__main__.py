"""Verify addresses: `python -m verification.engine [options] [ADDRESS …]`.

Prints one JSON line an address, in order of completion: the ten fields of the verification API, then `blame`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import socket
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from ipaddress import ip_network
from itertools import islice
from typing import Any

from verification.engine.config import EngineConfig
from verification.engine.memory import collect_less_often
from verification.engine.pipeline import Engine
from verification.engine.types import Answer

READ_AHEAD = 64 * 1024


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    _raise_open_files()
    collect_less_often()
    with asyncio.Runner(loop_factory=_event_loop) as runner, contextlib.suppress(BrokenPipeError):
        runner.run(_run(options))
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m verification.engine", description=__doc__)
    parser.add_argument("addresses", nargs="*", metavar="ADDRESS")
    parser.add_argument("--file", metavar="F", help="read addresses from a file, one a line; - is standard input")
    parser.add_argument("--resolver", type=_endpoint, action="append", metavar="HOST:PORT", help="name server to ask")
    parser.add_argument("--smtp-port", type=int, default=25, metavar="N")
    parser.add_argument("--helo", default="", metavar="NAME", help="our name; else this machine's")
    parser.add_argument("--mail-from", default="", metavar="ADDRESS", help="sender; else postmaster@<helo>")
    parser.add_argument(
        "--allow-network", type=ip_network, action="append", metavar="CIDR", help="open an inside range"
    )
    parser.add_argument("--source", action="append", metavar="IP", help="address to connect from")
    parser.add_argument("--concurrency", type=int, default=1_000, metavar="N", help="addresses in flight")
    parser.add_argument("--per-host", type=int, default=5, metavar="N", help="connections per mail-host organisation")
    parser.add_argument("--deadline", type=float, default=75.0, metavar="SECONDS", help="per address")
    parser.add_argument("--evidence", action="store_true", help="add normalized mailbox, suggestion and evidence")
    return parser.parse_args(arguments)


def _endpoint(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):
        return text.strip("[]"), 53
    return host.strip("[]"), int(port)


def _config(options: argparse.Namespace) -> EngineConfig:
    helo = options.helo or socket.getfqdn()
    return EngineConfig(
        resolvers=tuple(options.resolver or ()),
        smtp_port=options.smtp_port,
        helo_name=helo,
        mail_from=options.mail_from or f"postmaster@{helo}",
        allowed_networks=tuple(options.allow_network or ()),
        source_addresses=tuple(options.source or ()),
        concurrency=options.concurrency,
        per_host=options.per_host,
        deadline_seconds=options.deadline,
    )


async def _run(options: argparse.Namespace) -> None:
    engine = Engine(_config(options))
    try:
        with _source(options) as lines:
            async for answers in _in_order_of_completion(engine, lines, options.concurrency):
                for answer in answers:
                    sys.stdout.write(json.dumps(_shape(answer, evidence=options.evidence)) + "\n")
                sys.stdout.flush()
    finally:
        await engine.aclose()


def _shape(answer: Answer, *, evidence: bool) -> dict[str, Any]:  # Any: JSON
    shape = {**answer.contract_fields(), "blame": answer.verdict.blame.value}
    if not evidence:
        return shape
    guesses = {"normalized": answer.normalized, "did_you_mean": answer.did_you_mean}
    return {**shape, **guesses, "evidence": answer.evidence.as_dict()}


@contextlib.contextmanager
def _source(options: argparse.Namespace) -> Iterator[Iterable[str]]:
    """Give the addresses of the command line, then those of the file, blank lines left out."""
    with contextlib.ExitStack() as stack:
        lines: Iterable[str] = ()
        if options.file == "-":
            sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]  # a text file
            lines = sys.stdin
        elif options.file:
            lines = stack.enter_context(
                open(options.file, encoding="utf-8", errors="surrogateescape", buffering=READ_AHEAD)
            )
        texts = (line.rstrip("\r\n") for line in lines)
        yield (text for each in (options.addresses, texts) for text in each if text.strip())


async def _in_order_of_completion(
    engine: Engine, lines: Iterable[str], concurrency: int
) -> AsyncIterator[list[Answer]]:
    """Keep up to `concurrency` addresses in flight; give all that are done each time."""
    running: set[asyncio.Task[Answer]] = set()
    done: list[Answer] = []
    news = asyncio.Event()

    def note(task: asyncio.Task[Answer]) -> None:
        running.discard(task)
        if not task.cancelled():
            done.append(task.result())
            news.set()

    source = iter(lines)
    exhausted = False
    while running or done or not exhausted:
        for text in islice(source, concurrency - len(running)):
            task = asyncio.create_task(engine.verify(text))
            running.add(task)
            task.add_done_callback(note)
        exhausted = len(running) < concurrency
        if running:
            await news.wait()
        news.clear()
        if done:
            yield done[:]
            done.clear()


def _event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # not on Windows
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _raise_open_files() -> None:
    """Raise the soft limit of open files to what may be had."""
    try:
        import resource  # not on Windows
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
