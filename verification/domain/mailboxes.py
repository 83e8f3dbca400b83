"""Which row of a list was the first with a mailbox, in constant memory of ours however long the list.

The mailboxes of one piece are in a dict, those of the pieces before it in a temporary table of the reader's session:
when the reader dies nothing has to be cleaned up, and the next one reads the rows before its first piece once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from django.db import connection
from django.db.backends.utils import CursorWrapper

CREATE = "CREATE TEMPORARY TABLE earlier (mailbox text, position int)"
KEEP = "COPY earlier (mailbox, position) FROM STDIN (FORMAT BINARY)"

# A hash of the few is probed with the many: that costs less than to keep an index of the many.
FIND = """
SELECT n.position, min(e.position)
FROM unnest(%(mailboxes)s::text[], %(positions)s::int[]) AS n(mailbox, position)
JOIN earlier e ON e.mailbox = n.mailbox
GROUP BY n.position
"""


@contextmanager
def remembered() -> Iterator[None]:
    """Keep mailboxes until the end of the block."""
    with connection.cursor() as cursor:
        cursor.execute(CREATE)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE earlier")


def keep(cursor: CursorWrapper, mailboxes: Iterable[tuple[str, int]]) -> None:
    """Remember mailboxes with their positions."""
    with cursor.copy(KEEP) as pipe:
        pipe.set_types(["text", "int4"])
        for mailbox in mailboxes:
            pipe.write_row(mailbox)


def find(cursor: CursorWrapper, mailboxes: Mapping[str, int]) -> dict[int, int]:
    """Give the positions of the first rows with these mailboxes, by their positions here, of those remembered."""
    cursor.execute(FIND, {"mailboxes": list(mailboxes), "positions": list(mailboxes.values())})
    return dict(cursor.fetchall())
