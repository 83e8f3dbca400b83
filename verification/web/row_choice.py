"""The choice of rows that an address carries: read from its query, and written into the links of the page."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import QueryDict

from verification.domain.job_rows import Order
from verification.domain.row_filter import Chosen, RowFilter
from verification.domain.text import storable
from verification.engine.types import Blame, Reason
from verification.web.forms import one_of

LONGEST_TEXT = 320


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, and in which order it is shown."""

    chosen: Chosen
    order: Order = Order.PLACE

    @property
    def query(self) -> str:
        """Give it as part of an address, without a cursor."""
        return urlencode(self._members())

    @property
    def narrowing(self) -> str:
        """Give what goes with any kind of rows."""
        return urlencode({name: value for name, value in self._members().items() if name not in ("show", "reason")})

    @property
    def unsorted(self) -> str:
        """Give what is narrowed by, without the order."""
        return urlencode({name: value for name, value in self._members().items() if name != "sort"})

    @property
    def members(self) -> list[tuple[str, str]]:
        """Give it as fields of a form."""
        return list(self._members().items())

    def _members(self) -> dict[str, str]:
        chosen = self.chosen
        members = {
            "show": chosen.kind.value,
            "reason": chosen.reason or "",
            "blame": chosen.blame or "",
            "provider": chosen.provider,
            "q": chosen.text,
            "sort": self.order.value,
        }
        return {name: value for name, value in members.items() if value}


def choice_of(query: QueryDict) -> Choice:
    """Read a choice; what is not understood does not narrow it."""
    chosen = Chosen(
        kind=one_of(RowFilter, query.get("show")) or RowFilter.ALL,
        reason=one_of(Reason, query.get("reason")),
        blame=one_of(Blame, query.get("blame")),
        provider=storable(query.get("provider", "")[:60]),
        text=storable(query.get("q", "").strip()[:LONGEST_TEXT]),
    )
    return Choice(chosen, one_of(Order, query.get("sort")) or Order.PLACE)
