"""What callers see of an exception that nobody caught: a page or answer in the shape of their route."""

from __future__ import annotations

import sys
from http import HTTPStatus

import psycopg
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader

from portal.http.refusals import BROKEN, RENDER, UNAVAILABLE
from portal.http.routes import Shape, route_of

RETRY_AFTER_SECONDS = 5
OUTAGES = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)


def failed(request: HttpRequest) -> HttpResponse:
    """Answer 503 when the database is away, full or overloaded, else 500.  Called while it is handled."""
    refusal = UNAVAILABLE if isinstance(sys.exc_info()[1], OUTAGES) else BROKEN
    shape = route_of(request.method or "", request.path).shape
    if shape is Shape.PAGE:
        content_type, content = None, loader.get_template(f"{refusal.status.value}.html").render()
    else:
        content_type, content = RENDER[shape](refusal)
    response = HttpResponse(content, content_type=content_type, status=refusal.status)
    if refusal.status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response
