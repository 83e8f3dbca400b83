"""Each request has an id: in every log line about it and in the header X-Request-Id of its answer."""

from __future__ import annotations

import uuid

from portal import logs
from portal.http.types import Application, Message, Receive, Scope, Send


class RequestIds:
    """Gives the id to logs and answers."""

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = uuid.uuid4().hex
        logs.request_id.set(request_id)  # a request is a task with a context of its own

        async def name(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [pair for pair in message.get("headers", []) if pair[0].lower() != b"x-request-id"]
                message["headers"] = [*headers, (b"X-Request-Id", request_id.encode())]
            await send(message)

        await self.app(scope, receive, name)
