"""One event, one line; request id and job id in each; keys never."""

from __future__ import annotations

import logging
import re
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="-")

# A key, what follows k= in a query or the paths of edition 3 (key and address), and links that let people in.
SECRETS = re.compile(
    r"(evp_(?:live|test)_\w{4})\w+"
    r"|((?<![\w-])k=|/v3/(?:more/json|quota)/)[^&\s\"']+"
    r"|(/(?:invitations|accounts/confirm-email|accounts/password/reset/key)/\w{3})[\w:-]{8,}",
    re.ASCII,
)


def scrub(text: str) -> str:
    """Take license keys and the keys of mailed links out of a text, all but their first letters."""
    return SECRETS.sub(lambda found: f"{found[1] or found[2] or found[3]}…", text)


class ContextFilter(logging.Filter):
    """Hands the ids of the present request and of the job (`extra={"job_id": …}`) to the formatter."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        if not hasattr(record, "job_id"):
            record.job_id = "-"
        return True


class OneLineFormatter(logging.Formatter):
    """Time, level, logger, ids, message; a traceback's lines are joined."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s request=%(request_id)s job=%(job_id)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return scrub(" | ".join(super().format(record).splitlines()))
