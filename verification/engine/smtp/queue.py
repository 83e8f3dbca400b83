"""Recipients that wait for a connection, and what they are told in the end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

from verification.engine.smtp.replies import Reply
from verification.engine.types import Attempt, Meaning, Stage, Trouble

MAX_TEXT = 300
NO_REPLY = Reply(0)


@dataclass(slots=True, eq=False)
class Inquiry:
    """A recipient to ask for.  `answer` None: the random recipient of its domain."""

    line: bytes
    domain: str
    sender: str
    smtputf8: bool = False
    wants_catch_all: bool = False
    answer: asyncio.Future[Attempt] | None = None
    asked_at: float = 0.0
    tries: int = 0
    queued: bool = False

    @property
    def is_random(self) -> bool:
        return self.answer is None

    @property
    def is_wanted(self) -> bool:
        """Tell whether somebody waits for it."""
        return self.answer is not None and not self.answer.done()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How asking ended, for one recipient or for all who wait."""

    stage: Stage
    reply: Reply = NO_REPLY
    trouble: Trouble = Trouble.NONE
    meaning: Meaning = Meaning.UNCLEAR
    source: str = ""
    tls: str = ""

    def attempt(self, host: str, address: str, milliseconds: int) -> Attempt:
        """Give it as evidence."""
        reply = self.reply
        return Attempt(
            self.stage,
            host,
            address,
            self.source,
            reply.code,
            reply.enhanced,
            reply.text[:MAX_TEXT],
            self.trouble,
            self.meaning,
            milliseconds,
            self.tls,
        )


class Queue:
    """First come, first served; its length counts those who were not dropped."""

    __slots__ = ("_inquiries", "_length")

    def __init__(self) -> None:
        self._inquiries: deque[Inquiry] = deque()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def put(self, inquiry: Inquiry, *, first: bool = False) -> None:
        if first:
            self._inquiries.appendleft(inquiry)
        else:
            self._inquiries.append(inquiry)
        inquiry.queued = True
        self._length += 1

    def peek(self) -> Inquiry | None:
        """Give who is next."""
        while self._inquiries:
            if self._inquiries[0].queued:
                return self._inquiries[0]
            self._inquiries.popleft()
        return None

    def take(self) -> Inquiry:
        """Take who was seen by `peek`."""
        inquiry = self._inquiries.popleft()
        inquiry.queued = False
        self._length -= 1
        return inquiry

    def drop(self, inquiry: Inquiry) -> None:
        """Leave out one who may be anywhere in the queue."""
        if inquiry.queued:
            inquiry.queued = False
            self._length -= 1
        if not self._length:
            self._inquiries.clear()

    def take_all(self) -> list[Inquiry]:
        everybody = [inquiry for inquiry in self._inquiries if inquiry.queued]
        self._inquiries.clear()
        self._length = 0
        for inquiry in everybody:
            inquiry.queued = False
        return everybody

    def take_senders(self, senders: Collection[str]) -> list[Inquiry]:
        """Take those who come with one of these senders."""
        everybody = self.take_all()
        for inquiry in everybody:
            if inquiry.sender not in senders:
                self.put(inquiry)
        return [inquiry for inquiry in everybody if not inquiry.queued]
