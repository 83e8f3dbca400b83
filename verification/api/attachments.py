"""Reads `attachments` of a job request: list files in base64.  docs/api/job-request.md"""

from __future__ import annotations

import base64
import binascii
from pathlib import PurePosixPath
from typing import Any

from verification.api.json_shapes import an_object, invalid_format, invalid_value, missing, too_long, unsupported
from verification.api.rejections import Rejected, SubType
from verification.domain.attachments import Attachment

MOST_ATTACHMENTS = 10
LONGEST_NAME = 255
EXTENSIONS = frozenset((".csv", ".txt", ".tsv", ".xlsx", ".xlsm"))  # each with .gz, too
CONTENT_TYPES = frozenset(
    (
        *("text/csv", "text/plain", "text/tab-separated-values"),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.ms-excel.sheet.macroenabled.12",
        *("application/gzip", "application/x-gzip"),
    )
)


def read_attachments(document: dict[str, Any]) -> list[Attachment]:  # Any: JSON
    """Read the files that came along; what is in them is not looked at yet.  Raises Rejected."""
    members = document.get("attachments")
    if members is None:
        return []
    if not isinstance(members, list):
        raise invalid_format("attachments")
    if len(members) > MOST_ATTACHMENTS:
        raise Rejected(SubType.LIMIT_EXCEEDED, "Count limit exceeded for attachments")
    return [read_attachment(member, f"attachments[{index}]") for index, member in enumerate(members)]


def read_attachment(member: object, path: str) -> Attachment:
    holder = an_object(member, path)
    name = full_text(holder, "name", path)
    if len(name) > LONGEST_NAME:
        raise too_long(f"{path}.name")
    if not name.isprintable():
        raise invalid_value(f"{path}.name")
    if PurePosixPath(name.lower().removesuffix(".gz")).suffix not in EXTENSIONS:
        raise unsupported(f"{path}.name")
    content_type = full_text(holder, "contentType", path)
    if content_type.partition(";")[0].strip().lower() not in CONTENT_TYPES:
        raise unsupported(f"{path}.contentType")
    try:
        content = base64.b64decode(full_text(holder, "content", path), validate=True)
    except (binascii.Error, ValueError):
        raise invalid_value(f"{path}.content") from None
    return Attachment(name, content)


def full_text(holder: dict[str, Any], name: str, path: str) -> str:  # Any: JSON
    value = holder.get(name)
    if value is None or value == "":
        raise missing(f"{path}.{name}")
    if not isinstance(value, str):
        raise invalid_format(f"{path}.{name}")
    return value
