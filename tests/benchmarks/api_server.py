"""The web process's callable with two routes more, for `tests.benchmarks.api`: server, layers and pool alone."""

from __future__ import annotations

import django

django.setup(set_prefix=False)

from portal.http import application as portal_application  # noqa: E402  # needs the settings
from portal.http.types import Receive, Scope, Send  # noqa: E402
from verification.api.asgi import Reply, answer  # noqa: E402

TEXT = ((b"Content-Type", b"text/plain; charset=utf-8"),)


class Measured(portal_application.Portal):
    """Answers /bare/hello at once and /bare/select after a `SELECT 1` on a connection of the live pool."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/bare/hello":
            await answer(scope, send, Reply(200, b"hello", TEXT))
        elif scope["path"] == "/bare/select":
            desk = await self.desks.desk()
            async with desk.pool.connection() as connection:
                await connection.execute("SELECT 1")
            await answer(scope, send, Reply(200, b"1", TEXT))
        else:
            await super().__call__(scope, receive, send)


portal_application.Portal = Measured  # type: ignore[misc]  # build() makes it
application = portal_application.build()
