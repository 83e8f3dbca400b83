"""Coroutine tests: each in an event loop of its own, within 20 seconds."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

P = ParamSpec("P")
LONGEST_SECONDS = 20


def in_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:  # Any: nothing is sent or yielded
    """Make a test of a coroutine function."""

    @functools.wraps(test)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), LONGEST_SECONDS))

    return wrapper
