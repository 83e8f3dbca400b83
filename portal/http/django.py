"""Django behind the layers before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.http import HttpResponseBase, StreamingHttpResponse

from portal import logs
from portal.http.streams import in_pieces


class NamedRequest(ASGIRequest):
    """Django's request under the id it already has."""

    def __init__(self, scope: Any, body_file: Any) -> None:  # Any: Django's types
        super().__init__(scope, body_file)
        self.META["portal.request_id"] = logs.request_id.get()


class Django(ASGIHandler):
    """Django's handler, with such requests, and streams that are sent as they are made."""

    request_class = NamedRequest

    async def send_response(self, response: HttpResponseBase, send: Any) -> None:  # Any: Django's type
        if isinstance(response, StreamingHttpResponse) and not response.is_async:
            response.streaming_content = in_pieces(cast(Iterator[bytes], response.streaming_content))
        await super().send_response(response, send)
