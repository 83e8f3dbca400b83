"""One sending: a POST to the vetted address, in 15 s, without redirects."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import httpx

from verification.domain.webhooks.targets import TargetRefused, UrlUnfit, Vetting, read_url

SECONDS = 15.0  # in all: look-up, connection, request, answer
MOST_REPLY = 65_536  # bytes of a reply that are read
LINGER_SECONDS = 1.0  # for the reply's body, once its status is there
LONGEST_RETRY_AFTER = 3_600
GONE = 410
BUSY = (429, 503)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a try; `status` of HTTP, 0 where there was none, and then `error` says why."""

    status: int
    error: str = ""
    milliseconds: int = 0
    retry_after: int = 0  # seconds

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


class Transport:
    """Posts bodies.  Of one event loop.

    A connection is used once: kept ones are told apart by their address, which several names may share.
    """

    def __init__(self, vetting: Vetting, *, tls: ssl.SSLContext | None = None) -> None:
        self._vetting = vetting
        self._client = httpx.AsyncClient(
            verify=tls or ssl.create_default_context(),
            trust_env=False,
            follow_redirects=False,
            timeout=SECONDS,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """Try once.  Raises nothing but CancelledError."""
        started = time.monotonic()
        status, error, retry_after, answered = 0, "", 0, None
        try:
            async with asyncio.timeout(SECONDS):
                target = read_url(url)
                ip = await self._vetting.address_of(target.host)
                async with self._client.stream(
                    "POST",
                    target.url_at(ip),
                    content=body,
                    headers={"Host": target.authority, **headers},
                    extensions={"sni_hostname": target.host},
                ) as response:
                    status, retry_after, answered = response.status_code, read_retry_after(response), time.monotonic()
                    await read_some(response)
        except (TargetRefused, UrlUnfit) as refusal:
            error = str(refusal)
        except (TimeoutError, httpx.TimeoutException):
            error = "" if status else f"No answer within {SECONDS:.0f} s."
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError, ValueError) as fault:
            error = "" if status else what_went_wrong(fault)
        if status and not 200 <= status < 300:
            error = "Redirects are not followed." if 300 <= status < 400 else f"The answer was {status}."
        return Outcome(status, error, round(((answered or time.monotonic()) - started) * 1000), retry_after)

    async def aclose(self) -> None:
        await self._client.aclose()
        await self._vetting.aclose()


def read_retry_after(response: httpx.Response) -> int:
    text = response.headers.get("Retry-After", "")
    if response.status_code not in BUSY or not (text.isascii() and text.isdigit()):
        return 0
    return min(int(text[:9]), LONGEST_RETRY_AFTER)


async def read_some(response: httpx.Response) -> None:
    """Let a receiver finish a short reply; nobody reads it, and one without an end is broken off."""
    size = 0
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(LINGER_SECONDS):
            async for part in response.aiter_raw(8_192):
                size += len(part)
                if size >= MOST_REPLY:
                    return


def what_went_wrong(fault: Exception) -> str:
    """Say it in words for the customer; what Python says of sockets is for nobody."""
    seen: BaseException | None = fault
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return f"Its certificate is refused: {seen.verify_message}."[:200]
        if isinstance(seen, ssl.SSLError):
            return "TLS failed."
        seen = seen.__cause__ or seen.__context__
    if isinstance(fault, httpx.ConnectError):
        return "No connection."
    if isinstance(fault, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError):
        return "The connection ended without an answer."
    return "It could not be sent."
