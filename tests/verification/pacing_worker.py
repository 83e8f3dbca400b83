"""A process that verifies the addresses of stdin, all at once, with the pacing that all processes share.

    python -m tests.verification.pacing_worker jobs|calls DNS SMTP_PORT

Prints a JSON list of [verdict's result, blame, seconds] in the order of the addresses.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from tests.fixtures_mail_world import MailWorld  # noqa: E402  # after the set-up
from verification.domain.pacing import OwnConnection, SharedPacing  # noqa: E402
from verification.domain.pacing_rows import Holder  # noqa: E402
from verification.engine import Engine  # noqa: E402


async def main(world: MailWorld, addresses: list[str], *, live: bool) -> list[tuple[str, str, float]]:
    own = OwnConnection("drain")
    pacing = SharedPacing(own, Holder(5, live=live))
    engine = Engine(world.engine_config(probe_catch_all=False), pacing=pacing)

    async def verify(address: str) -> tuple[str, str, float]:
        began = time.monotonic()
        verdict = (await engine.verify(address, deadline_seconds=30)).verdict
        return verdict.result, verdict.blame, time.monotonic() - began

    answers = await asyncio.gather(*map(verify, addresses))
    await engine.aclose()
    await pacing.aclose()
    await own.aclose()
    return answers


if __name__ == "__main__":
    _, kind, dns, smtp_port = sys.argv
    world = MailWorld(dns, int(smtp_port), log=None)  # type: ignore[arg-type]  # not read here
    print("ready", flush=True)
    print(json.dumps(asyncio.run(main(world, sys.stdin.read().split(), live=kind == "calls"))))
