"""A finding before it is a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from verification.engine.senders.doors import Door
from verification.models import FindingState, Subject

MAX_TEXT = 2_000
ORDER = (FindingState.OK, FindingState.NOTE, FindingState.UNCLEAR, FindingState.BROKEN)  # the last weighs most


@dataclass(frozen=True, slots=True)
class Found:
    """What was looked at, what came out, and what to do; `doors`: of port 25, by zone."""

    subject: Subject
    state: FindingState
    looked_at: str
    outcome: str
    advice: str = ""
    doors: Mapping[str, Door] = field(default_factory=dict)


def worst(states: Iterable[FindingState]) -> FindingState:
    """Give what several outcomes are together; of none: unclear."""
    return max(states, key=ORDER.index, default=FindingState.UNCLEAR)
