"""What callers see of an exception that nobody caught: a page or answer in the shape of their route."""

from __future__ import annotations

import sys
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.template import loader

from portal.http.faults import refusal_of
from portal.http.refusals import RENDER
from portal.http.routes import Shape, route_of

RETRY_AFTER_SECONDS = 5
PAGES = (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE)  # with a template of their own


def failed(request: HttpRequest) -> HttpResponse:
    """Answer 503, 507 or 500.  Called while the exception is handled."""
    refusal = refusal_of(sys.exc_info()[1])
    shape = route_of(request.method or "", request.path).shape
    if shape is Shape.PAGE and refusal.status in PAGES:
        content_type, content = None, loader.get_template(f"{refusal.status.value}.html").render()
    else:
        content_type, content = RENDER[shape](refusal)
    response = HttpResponse(content, content_type=content_type, status=refusal.status)
    if refusal.status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response
