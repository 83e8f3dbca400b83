"""The engine: verifies addresses with asyncio alone.  No Django, no database, no account."""

from verification.engine.config import EngineConfig, ProbeOptions
from verification.engine.pacing import HeldBackError, InProcessPacing, Pacing
from verification.engine.pipeline import Engine
from verification.engine.syntax import parse
from verification.engine.types import (
    LEGAL_PAIRS,
    Address,
    Answer,
    Attempt,
    Blame,
    CatchAll,
    CatchAllState,
    Evidence,
    MailHostsOutcome,
    Meaning,
    Reason,
    Result,
    Stage,
    SyntaxFault,
    Trouble,
    Verdict,
)
from verification.engine.verdict import judge

__all__ = [
    "LEGAL_PAIRS",
    "Address",
    "Answer",
    "Attempt",
    "Blame",
    "CatchAll",
    "CatchAllState",
    "Engine",
    "EngineConfig",
    "Evidence",
    "HeldBackError",
    "InProcessPacing",
    "MailHostsOutcome",
    "Meaning",
    "Pacing",
    "ProbeOptions",
    "Reason",
    "Result",
    "Stage",
    "SyntaxFault",
    "Trouble",
    "Verdict",
    "judge",
    "parse",
]
