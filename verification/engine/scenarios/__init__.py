"""The table of scenarios below `.test`, and what a sandbox key answers from it."""

from verification.engine.scenarios.sandbox import answer
from verification.engine.scenarios.table import SCENARIOS, Scenario, scenario_of

__all__ = ["SCENARIOS", "Scenario", "answer", "scenario_of"]
