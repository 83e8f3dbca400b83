"""The real ASGI application behind a real server, in a thread of the test's process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from django.conf import settings

from portal.http.application import build
from portal.http.bodies import DEFAULT_BOUNDS, Bounds
from portal.http.protocol import UnencodedTargets


@contextmanager
def serving(bounds: Bounds = DEFAULT_BOUNDS) -> Iterator[str]:
    """Serve on a free port; gives the URL without a slash at its end."""
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # whitenoise warns without it
    config = uvicorn.Config(
        build(bounds), host="127.0.0.1", port=0, http=UnencodedTargets, access_log=False, log_config=None, lifespan="on"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        assert not thread.is_alive(), "the server did not stop"
