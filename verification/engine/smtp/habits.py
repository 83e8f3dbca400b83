"""What servers were seen to bear, per connection and in connections, so that the next one stays below it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from verification.engine.pacing import Gate
from verification.engine.smtp.queue import Outcome
from verification.engine.types import Trouble

FEW_ERRORS = 10  # recipients refused on one connection, as long as a server is not known to allow less
MAX_GROUP = 2 * FEW_ERRORS - 1  # a group that is refused whole stays below the 20 errors that Postfix bears
TOO_FEW_LEFT = 0.3  # share of the errors; a new connection costs less time than many small groups
MAX_RECIPIENTS = 1_000
MAX_CONNECTIONS = 1_000
UNNOTICED_SECONDS = 10.0  # a server that counts connections may take a while to see that one has ended
KNOCK_AGAIN_SECONDS = (1.0, 2.0)  # at random between these
MAX_KNOCKS = 3
LIKE_A_REFUSAL = frozenset({Trouble.NONE, Trouble.RESET, Trouble.REFUSED})
REMEMBER_SECONDS = 600.0
MAX_REMEMBERED = 10_000


@dataclass(slots=True)
class Habits:
    """One server's, shared by all queues before its address.  Times are monotonic; `since`: of the first note.

    `gate` lets as many connections through as the server bears, `open` are those that began.
    """

    since: float = 0.0
    errors: int = FEW_ERRORS
    recipients: int = MAX_RECIPIENTS
    group: int = MAX_GROUP
    starts_tls: bool = False
    careful: bool = False  # its replies did not fit our commands: go step by step
    answered: int = 0
    refused: int = 0
    gate: Gate = field(default_factory=lambda: Gate(MAX_CONNECTIONS))
    open: int = 0
    left_at: float = float("-inf")  # when the last connection ended that had been let in
    knocks: int = 0  # connections in a row that were not let in, without another beside them
    quiet_until: float = 0.0
    shut: Outcome | None = None  # why the only connection was not let in
    shut_at: float = float("-inf")

    def note(self, answered: int, refused: int) -> None:
        """Count the answers of a group, the newer ones more."""
        if self.answered > 1_000:
            self.answered //= 2
            self.refused //= 2
        self.answered += answered
        self.refused += refused
        self.group = min(self.group + 1, MAX_GROUP)
        self.knocks = 0
        if self.shut is not None:  # that had nothing to do with the number
            self.shut = None
            self.gate.slots = MAX_CONNECTIONS
            self.gate.admit()

    def room(self, errors: int, served: int) -> int:
        """Give the size of the next group on a connection with so many refusals and answers.

        Groups grow with the share of those accepted so far, so they are hardly refused more often than is left.
        """
        errors_left = self.errors - errors
        if errors_left <= self.errors * TOO_FEW_LEFT:
            return 0
        size = errors_left
        if self.answered >= FEW_ERRORS:
            likely = min(1.0, 2 * self.refused / self.answered + 0.1)
            size = min(int(errors_left / likely), 2 * self.errors - 1)
        return min(max(size, errors_left), self.group, self.recipients - served)

    def is_crowded(self, outcome: Outcome, now: float) -> bool:
        """Tell whether somebody was not let in for the number of our connections; then it is best to come again."""
        if self.open:
            return outcome.reply.code > 0
        self.knocks += 1
        has_just_left = now - self.left_at < UNNOTICED_SECONDS
        if not has_just_left or outcome.trouble not in LIKE_A_REFUSAL or self.knocks >= MAX_KNOCKS:
            return False
        self.quiet_until = now + random.uniform(*KNOCK_AGAIN_SECONDS)
        return True

    def bear_fewer(self) -> None:
        """Come with no more connections than there are now, after another one was not let in."""
        self.gate.slots = max(1, min(self.gate.slots, self.open))

    def found_shut(self, outcome: Outcome, now: float) -> None:
        """Note that nobody is let in, for those who wait for their turn to knock."""
        if not self.open and outcome.trouble is not Trouble.DEADLINE:
            self.shut, self.shut_at = outcome, now

    def shut_since(self, came_at: float) -> Outcome | None:
        """Tell what somebody heard who knocked after `came_at`."""
        return self.shut if self.shut_at > came_at else None

    def hung_up(self, errors: int, served: int) -> None:
        """Stay below what made the server hang up."""
        if errors:
            self.errors = max(1, min(self.errors, errors - 1))
        else:
            self.recipients = max(1, min(self.recipients, served))


class HabitsMemory:
    """Habits by address, forgotten after ten minutes: servers recover, and one lost connection proves little."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, Habits] = {}

    def of(self, address: str) -> Habits:
        """Give what is known of a server, the same object to all who ask."""
        habits = self._known.get(address)
        now = self._clock()
        if habits is None or now - habits.since > REMEMBER_SECONDS:
            self._known.pop(address, None)
            habits = self._known[address] = Habits(now, starts_tls=habits is not None and habits.starts_tls)
            if len(self._known) > MAX_REMEMBERED:
                del self._known[next(iter(self._known))]
        return habits
