"""A line between browser and product that can be cut in the middle of something big."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from urllib.parse import urlsplit

BIG = 100_000  # bytes of a connection


class Cut(Enum):
    """When the line is cut: while something big goes up, or before it is answered."""

    NEVER = auto()
    ON_THE_WAY = auto()
    BEFORE_THE_ANSWER = auto()


class Line:
    """Hands bytes on, in both directions, and hangs up as it is told."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self.cut = Cut.NEVER
        self._target = (parts.hostname or "", parts.port or 0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _connect(self, client: socket.socket) -> None:
        server = socket.create_connection(self._target)
        gone_up = [0]
        threading.Thread(target=self._down, args=(server, client, gone_up), daemon=True).start()
        with suppress(OSError):
            while piece := client.recv(65_536):
                gone_up[0] += len(piece)
                if self.cut is Cut.ON_THE_WAY and gone_up[0] > BIG:
                    break
                server.sendall(piece)
        hang_up(client, server)

    def _down(self, server: socket.socket, client: socket.socket, gone_up: list[int]) -> None:
        with suppress(OSError):
            while piece := server.recv(65_536):
                if self.cut is Cut.BEFORE_THE_ANSWER and gone_up[0] > BIG:
                    break
                client.sendall(piece)
        hang_up(client, server)


def hang_up(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@contextmanager
def line_to(target: str) -> Iterator[Line]:
    line = Line(target)
    threading.Thread(target=line.serve, daemon=True).start()
    try:
        yield line
    finally:
        line.close()
