"""What servers were seen to bear per connection, so that the next one stays below it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

FEW_ERRORS = 10  # recipients refused on one connection, as long as a server is not known to allow less
MAX_GROUP = 2 * FEW_ERRORS - 1  # a group that is refused whole stays below the 20 errors that Postfix bears
TOO_FEW_LEFT = 0.3  # share of the errors; a new connection costs less time than many small groups
MAX_RECIPIENTS = 1_000
REMEMBER_SECONDS = 600.0
MAX_REMEMBERED = 10_000


@dataclass(slots=True)
class Habits:
    """One server's.  `since`: monotonic time of the first note."""

    since: float = 0.0
    errors: int = FEW_ERRORS
    recipients: int = MAX_RECIPIENTS
    group: int = MAX_GROUP
    starts_tls: bool = False
    answered: int = 0
    refused: int = 0

    def note(self, answered: int, refused: int) -> None:
        """Count the answers of a group, the newer ones more."""
        if self.answered > 1_000:
            self.answered //= 2
            self.refused //= 2
        self.answered += answered
        self.refused += refused
        self.group = min(self.group + 1, MAX_GROUP)

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
