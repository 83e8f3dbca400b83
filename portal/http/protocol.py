"""uvicorn's HTTP protocol, for callers who encode nothing.

Callers of the verification API put the address into the URL as it is, `josé@example.com` too.  The parser refuses
bytes above 127 in a request line (RFC 9112 section 3), so they are percent-encoded before it sees them.
"""

from __future__ import annotations

import asyncio
import re

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_EIGHT_BIT = re.compile(rb"[\x80-\xff]")


class UnencodedTargets(HttpToolsProtocol):
    """Encodes 8-bit bytes of request lines; the second of requests that come in one packet is refused as ever."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._is_line = True  # what comes next belongs to a request line
        self._has_begun = False

    def data_received(self, data: bytes) -> None:
        super().data_received(self._encoded(data) if self._is_line else data)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._is_line, self._has_begun = True, False

    def _encoded(self, data: bytes) -> bytes:
        line, newline, rest = data.partition(b"\n")
        self._has_begun = self._has_begun or bool(line.strip(b"\r"))  # empty lines may go before (RFC 9112 section 2.2)
        self._is_line = not (newline and self._has_begun)
        return _EIGHT_BIT.sub(lambda byte: b"%%%02X" % byte[0][0], line) + newline + rest
