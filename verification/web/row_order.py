"""The order of rows in words: as the heads of their columns, which are links, and as a list to choose from."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext, gettext_lazy

from verification.domain.job_rows import Order
from verification.web.row_choice import Choice

TITLES = {
    Order.PLACE: gettext_lazy("First rows first"),
    Order.END: gettext_lazy("Last rows first"),
    Order.ADDRESS: gettext_lazy("Address, a to z"),
    Order.ADDRESS_DOWN: gettext_lazy("Address, z to a"),
    Order.VERDICT: gettext_lazy("Verdict, bad ones first"),
    Order.VERDICT_DOWN: gettext_lazy("Verdict, bad ones last"),
}
ORDERED_BY = (  # the two orders of each column
    (gettext_lazy("Row"), Order.PLACE, Order.END),
    (gettext_lazy("Address"), Order.ADDRESS, Order.ADDRESS_DOWN),
    (gettext_lazy("Verdict"), Order.VERDICT, Order.VERDICT_DOWN),
)


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a column; `sorted` is its aria-sort, `query` what its link asks for."""

    title: str
    sorted: str
    query: str
    hint: str


def heads(choice: Choice) -> list[Head]:
    """Give the columns that rows can be sorted by: a link turns the present order round, or sorts by that column."""
    return [head(choice, str(title), up, down) for title, up, down in ORDERED_BY]


def head(choice: Choice, title: str, up: Order, down: Order) -> Head:
    now = {up: "ascending", down: "descending"}.get(choice.order, "none")
    following = down if choice.order is up else up
    query = choice.unsorted + (f"&sort={following}" if following else "")
    return Head(title, now, query, gettext("Sort: %(order)s") % {"order": TITLES[following]})


def orders(choice: Choice) -> list[tuple[str, str, bool]]:
    """Give the choices of a list: value, title, and whether it is the present one."""
    return [(order.value, str(title), order is choice.order) for order, title in TITLES.items()]
