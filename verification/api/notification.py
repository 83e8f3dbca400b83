"""Reads `notification` of a job request: where its events go.  docs/api/job-request.md"""

from __future__ import annotations

import base64
import re
from typing import Any

from verification.api.json_shapes import an_object, invalid_format, invalid_value, missing, too_long, unsupported
from verification.domain.webhooks.endpoints import Notification
from verification.domain.webhooks.targets import LONGEST_URL, UrlUnfit, read_url

PATH = "notification.endPoint"
MOST_HEADERS = 20
LONGEST_HEADER = 1_000
LONGEST_CREDENTIAL = 255
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")  # a token, RFC 9110 section 5.6.2
_VALUE = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?|")  # ASCII, RFC 9110 section 5.5
# What the sender sets itself, or what would change how the message is read on its way.
_OURS = frozenset(
    (
        *("host", "content-type", "content-length", "content-encoding", "transfer-encoding", "connection", "upgrade"),
        *("te", "trailer", "expect", "keep-alive", "proxy-authorization", "proxy-connection", "accept-encoding"),
    )
)


def read_notification(document: dict[str, Any]) -> Notification | None:  # Any: JSON
    """Give where events go, None when the job asks for none.  Raises Rejected."""
    if document.get("notification") is None:
        return None
    holder = an_object(document["notification"], "notification")
    end_point = an_object(holder.get("endPoint"), PATH)
    url = a_text(end_point, "url", LONGEST_URL)
    try:
        read_url(url)
    except UrlUnfit:
        raise unsupported(f"{PATH}.url") from None
    headers = read_headers(end_point.get("headers"))
    authentication = end_point.get("authentication")
    if authentication is not None:
        headers["authorization"] = read_basic(an_object(authentication, f"{PATH}.authentication"))
    return Notification(url, headers)


def a_text(holder: dict[str, Any], name: str, longest: int, path: str = PATH) -> str:  # Any: JSON
    value = holder.get(name)
    if value is None or value == "":
        raise missing(f"{path}.{name}")
    if not isinstance(value, str):
        raise invalid_format(f"{path}.{name}")
    if len(value) > longest:
        raise too_long(f"{path}.{name}")
    return value


def read_headers(value: object) -> dict[str, str]:
    """Read more headers, by their names in lower case."""
    if value is None:
        return {}
    headers: dict[str, str] = {}
    for name, text in an_object(value, f"{PATH}.headers").items():
        path = f"{PATH}.headers.{name[:50]}"
        if len(headers) == MOST_HEADERS:
            raise too_long(f"{PATH}.headers")
        if not isinstance(text, str):
            raise invalid_format(path)
        if len(text) > LONGEST_HEADER:
            raise too_long(path)
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(text):
            raise invalid_value(path)
        if name.lower() in _OURS or name.lower().startswith("webhook-"):
            raise unsupported(path)
        headers[name.lower()] = text
    return headers


def read_basic(members: dict[str, Any]) -> str:  # Any: JSON
    """Give the value of Authorization for HTTP Basic (RFC 7617)."""
    path = f"{PATH}.authentication"
    method = a_text(members, "method", LONGEST_CREDENTIAL, path)
    if method != "BASIC":
        raise invalid_value(f"{path}.method")
    user = a_text(members, "user", LONGEST_CREDENTIAL, path)
    password = a_text(members, "password", LONGEST_CREDENTIAL, path)
    if ":" in user:
        raise invalid_value(f"{path}.user")
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
