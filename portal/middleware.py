from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from portal import logs

logger = logging.getLogger("portal.request")
Handler = Callable[[HttpRequest], HttpResponse]


class RequestLogMiddleware:
    """Gives each request an id (answered as X-Request-Id) and one log line."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = logs.request_id.set(request.META.get("portal.request_id") or uuid.uuid4().hex)
        started = time.monotonic()
        try:
            response = self.get_response(request)
            response["X-Request-Id"] = logs.request_id.get()
            elapsed = (time.monotonic() - started) * 1000
            logger.info("%s %s %s %.0f ms", request.method, request.path, response.status_code, elapsed)
            return response
        finally:
            logs.request_id.reset(token)


class PrivateCacheMiddleware:
    """Keeps every page and answer out of shared caches, unless a view says otherwise."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "no-store, private"
        return response
