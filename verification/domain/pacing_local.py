"""What one process knows of one organisation: its permits, who waits, what is still to be told."""

from __future__ import annotations

from dataclasses import dataclass, field

from verification.engine.pacing import Gate, HeldBackError

LOOK_SECONDS = 1.0  # between two looks whether others were refused
SPARE_SECONDS = 0.5  # how long a permit without use is kept


class PausedByStaffError(HeldBackError):
    """Staff paused the organisation, with no end set."""

    def __init__(self) -> None:
        super().__init__(0.0)
        self.args = ("paused by our staff",)


@dataclass(slots=True)
class Local:
    """What this process may and does at one organisation.  Times are the monotonic clock's.

    `recorded`: the slots in our row, None without one.  `gate.slots` are good until `good_until`.
    """

    gate: Gate = field(default_factory=Gate)
    recorded: int | None = None
    good_until: float = 0.0
    answered: int = 0  # groups, since told
    refused: int = 0  # connections, since told
    contended: bool = False
    troubled: bool = False
    held_until: float = 0.0
    known_until: float = 0.0  # that it is held; then ask again, staff may have released it
    paused: bool = False
    ask_at: float = 0.0
    spare_since: float | None = None

    @property
    def wanted(self) -> int:
        return self.gate.used + len(self.gate.waiting or ())

    @property
    def is_idle(self) -> bool:
        return self.recorded is None and not self.wanted and not self.refused

    def error(self, now: float) -> HeldBackError:
        return PausedByStaffError() if self.paused else HeldBackError(max(self.held_until - now, 0.0))

    def hold(self, seconds: float, paused: bool, now: float) -> None:
        """Let nobody in for now; whoever waits hears so."""
        self.held_until, self.known_until, self.paused = now + seconds, now + LOOK_SECONDS, paused
        self.gate.slots = 0
        self.gate.turn_away(lambda: self.error(now))

    def lapse(self, now: float) -> None:
        """Forget slots that were not renewed."""
        if now >= self.good_until:
            self.gate.slots = 0

    def must_ask(self, wanted: int, now: float) -> bool:
        return (
            self.refused > 0
            or (self.troubled and self.answered > 0)
            or (wanted > self.gate.slots and now >= self.ask_at)
            or self._has_spare(wanted, now)
        )

    def _has_spare(self, wanted: int, now: float) -> bool:
        if self.recorded is not None and self.recorded > max(self.gate.used, self.gate.slots):
            return True  # above our share: others wait for it
        if self.recorded is None or 0 < wanted >= self.recorded:
            self.spare_since = None
            return False
        if self.spare_since is None:
            self.spare_since = now
        return now - self.spare_since >= SPARE_SECONDS
