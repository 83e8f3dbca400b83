"""Run the mail world: `python -m verification.mailworld --dns HOST:PORT --smtp-port N`.  See docs/mail-world.md."""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import signal
import sys
from pathlib import Path

import uvloop

from verification.mailworld.addresses import Map
from verification.mailworld.world import World

_OPEN_FILES = 65_536


def main() -> int:
    options = _options()
    try:
        places = Map(_raise_open_files())
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_play(options, places))
    except (OSError, ValueError) as problem:
        print(f"mail world: {problem}", file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m verification.mailworld", description=__doc__)
    parser.add_argument(
        "--dns", required=True, type=_endpoint, metavar="HOST:PORT", help="where the name server listens"
    )
    parser.add_argument("--smtp-port", required=True, type=int, metavar="N", help="port of all mail servers")
    parser.add_argument("--delay-ms", default=0, type=int, metavar="N", help="make every SMTP reply so late")
    parser.add_argument(
        "--log",
        type=Path,
        metavar="FILE",
        default=os.environ.get("MAIL_WORLD_LOG"),
        help="append what was heard, as JSON lines; by default the file that MAIL_WORLD_LOG names, if any",
    )
    parser.add_argument("--killers", action="store_true", help="let the killer-… domains exist")
    return parser.parse_args()


def _endpoint(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def _raise_open_files() -> int:
    """Raise the soft limit as far as useful; give the limit then in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return _OPEN_FILES if soft == resource.RLIM_INFINITY else soft


async def _play(options: argparse.Namespace, places: Map) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    world = World(delay_ms=options.delay_ms, log=options.log)
    try:
        await world.listen(places, options.dns, options.smtp_port, killers=options.killers)
        host, port = options.dns
        print(
            f"mail world: names at {host}:{port}, mail servers in 127.1.0.0/16 at port {options.smtp_port}", flush=True
        )
        await stop.wait()
    finally:
        world.close()
        await asyncio.sleep(0)  # let the closed connections be noted
        if world.journal:
            world.journal.close()


if __name__ == "__main__":
    sys.exit(main())
