from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from datetime import UTC
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.domain import audit
from portal import logs
from verification.domain import probe_state

logger = logging.getLogger("portal.request")
Handler = Callable[[HttpRequest], HttpResponse]


class RequestLogMiddleware:
    """Gives each request an id (answered as X-Request-Id) and one log line."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = logs.request_id.set(request.META.get("portal.request_id") or uuid.uuid4().hex)
        here = audit.Origin(logs.request_id.get(), request.META.get("REMOTE_ADDR") or None)
        origin = audit.origin.set(here)
        started = time.monotonic()
        try:
            response = self.get_response(request)
            response["X-Request-Id"] = logs.request_id.get()
            elapsed = (time.monotonic() - started) * 1000
            words = (request.method, request.path, response.status_code, elapsed)
            logger.info("%s %s %s %.0f ms", *words, extra={"job_id": job_of(request)})
            return response
        finally:
            audit.origin.reset(origin)
            logs.request_id.reset(token)


def job_of(request: HttpRequest) -> str:
    """Give the id of the job that a request's path names, else a dash."""
    return str(request.resolver_match.kwargs.get("job_id", "-")) if request.resolver_match else "-"


class ZoneMiddleware:
    """Shows times on customers' pages in the reader's zone, which their browser tells; UTC until it has.

    The API and staff pages are in UTC for everybody.
    """

    COOKIE = "zone"
    IN_UTC = ("/api/", "/v3/", "/admin/")

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        name = "" if request.path.startswith(self.IN_UTC) else request.COOKIES.get(self.COOKIE, "")
        with timezone.override(ZoneInfo(name) if name in available_zones() else UTC):
            return self.get_response(request)


@cache
def available_zones() -> frozenset[str]:
    """Give the zones there are; each is a file that would be looked for by whatever name comes in."""
    return frozenset(available_timezones())


class PrivateCacheMiddleware:
    """Keeps every page and answer out of shared caches, unless a view says otherwise."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "no-store, private"
        return response


class ProbeStateMiddleware:
    """Says in answers of the API when mail servers are not asked; pages have a bar for it."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith("/api/"):
            probe_state.look_now()
            if probe_state.is_dns_only():
                response[probe_state.HEADER] = probe_state.DNS_ONLY
        return response
