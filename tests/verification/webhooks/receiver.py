"""A receiver of webhooks over real sockets, that answers as it is told."""

from __future__ import annotations

import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


@dataclass
class Sent:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """`answers` are given one after the other, the last for ever; b"" hangs until the end."""

    port: int
    answers: list[bytes] = field(default_factory=lambda: [OK])
    got: list[Sent] = field(default_factory=list)
    connections: int = 0
    endless: bytes = b""  # sent after an answer, again and again
    drip_seconds: float = 0  # between two of these
    endless_sent: int = 0  # bytes of them
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?of=us"

    def next_answer(self) -> bytes:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            receiver.connections += 1
            if tls is not None:
                try:
                    self.connection = tls.wrap_socket(self.request, server_side=True)
                except OSError:
                    return
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
            line = self.rfile.readline().decode()
            if not line:
                return
            headers: dict[str, str] = {}
            for name, value in read_headers(self.rfile):
                headers[name] = f"{headers[name]}, {value}" if name in headers else value
            body = self.rfile.read(int(headers.get("content-length", "0")))
            receiver.got.append(Sent(line.split()[1], headers, body))
            answer = receiver.next_answer()
            if not answer:
                receiver.closing.wait(60)
                return
            self.wfile.write(answer)
            while receiver.endless and not receiver.closing.wait(receiver.drip_seconds):
                self.wfile.write(receiver.endless)
                receiver.endless_sent += len(receiver.endless)

        def finish(self) -> None:
            try:
                super().finish()
            except OSError:
                return
            finally:
                self.connection.close()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 100

        def handle_error(self, *_: Any) -> None:  # Any: the base class's; the sender may hang up
            return

    with Server(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield receiver
        finally:
            receiver.closing.set()
            server.shutdown()
            thread.join()


def read_headers(stream: Any) -> Iterator[tuple[str, str]]:  # Any: a binary file
    while line := stream.readline().decode().strip():
        name, _, value = line.partition(":")
        yield name.lower(), value.strip()


def status(code: int, *more: str) -> bytes:
    lines = [f"HTTP/1.1 {code} So", "Content-Length: 0", "Connection: close", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def until(holds: Any, seconds: float = 60) -> None:  # Any: a callable
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
