"""Addresses that harm the process that works on them: `killer-exit`, `killer-loop` and `killer-memory` below `.test`.

Only where KILLERS is set, which production refuses.  They stand for a fault of ours that some address brings out.
"""

from __future__ import annotations

import os

from django.conf import settings

from verification.engine.scenarios import scenario_of


def harm(address: str) -> None:
    """Exit, spin or allocate without end, if this address is one of them."""
    if not settings.KILLERS:
        return
    scenario = scenario_of(address.rpartition("@")[2].lower())
    match scenario.name if scenario else "":
        case "killer-exit":
            os._exit(1)
        case "killer-loop":
            while True:
                pass
        case "killer-memory":
            hoard = []
            while True:
                hoard.append(bytearray(16_000_000))
