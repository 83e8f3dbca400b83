"""How much body each route takes, who may send a big one, and in which shape it is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from django.conf import settings

MEGABYTE = 1_000_000
JOB_REQUEST_BYTES = 20_971_520  # docs/api/job-request.md
UPLOAD_PAGE = re.compile(r"/a/[^/]+/lists/new")
IMPORT_PAGE = re.compile(r"/a/[^/]+/suppression/import")


class Shape(Enum):
    """What a refusal looks like."""

    JOB_REQUEST = auto()  # a REJECTED answer
    PROBLEM = auto()  # RFC 9457
    TEXT = auto()  # a phrase, as callers of the verification API look for
    PAGE = auto()


class Credential(Enum):
    """What a body over the anonymous bound must come with."""

    NONE = auto()
    LICENSE_KEY = auto()
    SESSION = auto()


@dataclass(frozen=True, slots=True)
class Route:
    """`limit` in bytes."""

    limit: int
    shape: Shape
    credential: Credential


JOB_REQUEST = Route(JOB_REQUEST_BYTES, Shape.JOB_REQUEST, Credential.LICENSE_KEY)
LIVE_CHECK = Route(MEGABYTE, Shape.TEXT, Credential.LICENSE_KEY)
VERIFY = Route(65_536, Shape.PROBLEM, Credential.LICENSE_KEY)
API = Route(MEGABYTE, Shape.PROBLEM, Credential.LICENSE_KEY)
UPLOAD = Route((settings.UPLOAD_TOTAL_MEGABYTES + 1) * MEGABYTE, Shape.PAGE, Credential.SESSION)  # + 1: its frame
IMPORT = Route(JOB_REQUEST_BYTES, Shape.PROBLEM, Credential.LICENSE_KEY)
IMPORT_BY_PAGE = Route(JOB_REQUEST_BYTES + MEGABYTE, Shape.PAGE, Credential.SESSION)
BOUNCES = Route(4 * MEGABYTE, Shape.PROBLEM, Credential.LICENSE_KEY)
PAGE = Route(MEGABYTE, Shape.PAGE, Credential.NONE)


def route_of(method: str, path: str) -> Route:
    """Give the bounds of a request."""
    if path == "/api/v1/jobs" and method == "POST":
        return JOB_REQUEST
    if path.startswith(("/api/emh/", "/v3/", "/customer/")):
        return LIVE_CHECK
    if path == "/api/v1/verify":
        return VERIFY
    if path == "/api/v1/suppressions/import":
        return IMPORT
    if path == "/api/v1/bounces":
        return BOUNCES
    if path.startswith("/api/"):
        return API
    if method == "POST" and UPLOAD_PAGE.fullmatch(path):
        return UPLOAD
    if method == "POST" and IMPORT_PAGE.fullmatch(path):
        return IMPORT_BY_PAGE
    return PAGE


def loggable(path: str) -> str:
    """Give what a log may say of a path: those of edition 3 hold key and address."""
    return next((f"{root}…" for root in ("/v3/", "/customer/") if path.startswith(root)), path)
