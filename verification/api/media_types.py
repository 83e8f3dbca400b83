"""What a body must be sent as."""

from __future__ import annotations

import re

from rest_framework.request import Request

JSON_TYPE = re.compile(r"""application/json(?:\s*;\s*charset\s*=\s*"?utf-?8"?)?\s*""", re.IGNORECASE)


def is_plain_json(request: Request) -> bool:
    """Tell whether the body is said to be JSON in UTF-8, not packed."""
    is_json = JSON_TYPE.fullmatch(request.headers.get("Content-Type", "")) is not None
    return is_json and request.headers.get("Content-Encoding", "identity").lower() == "identity"
