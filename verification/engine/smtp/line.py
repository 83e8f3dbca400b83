"""The queue before one address of a mail host, and the connections that serve it.

Recipients join a queue only with those whose domains have the same mail hosts.  A connection takes the next group when
it is ready for it, so whoever comes while it greets goes along.  What a broken connection left unanswered goes back to
the head of the queue, in smaller groups.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, cast

from verification.engine.pacing import HeldBackError
from verification.engine.smtp import commands, meanings
from verification.engine.smtp.client import Session
from verification.engine.smtp.dialogue import SHUTTING_DOWN, Heard, Recipient
from verification.engine.smtp.replies import Reply
from verification.engine.types import Attempt, Meaning, Stage, Trouble

if TYPE_CHECKING:
    from verification.engine.smtp.desk import Desk, Route

GROUP_SIZE = 10  # recipients refused on one connection, as long as a server is not known to allow less
MAX_TRIES = 5  # of one recipient at one address
MAX_STRIKES = 3  # connections in a row that broke without an answer
FAIR_SHARE = 50  # recipients after which a connection makes room when others wait for the organisation
STUCK_SECONDS = 2.0
MAX_TEXT = 300

log = logging.getLogger(__name__)


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
    def is_alive(self) -> bool:
        return self.answer is None or not self.answer.done()


class Line:
    """One route's queue; it owns its sessions and leaves the desk when there is nothing left to do."""

    def __init__(self, desk: Desk, route: Route) -> None:
        self._desk = desk
        self._route = route
        self._habits = desk.habits_of(route.address)
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Inquiry] = deque()
        self._waiting = 0  # alive in the queue
        self._strikes = 0
        self._answered_at = 0.0
        self._sessions: set[Session] = set()
        self._arriving: set[asyncio.Task[None]] = set()  # without a slot so far
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def tasks(self) -> frozenset[asyncio.Task[None]]:
        return frozenset(self._tasks)

    def put(self, inquiry: Inquiry) -> None:
        """Queue a recipient; its future gets the attempt."""
        inquiry.asked_at = self._loop.time()
        self._enqueue(inquiry)
        self._staff()

    def drop(self, inquiry: Inquiry) -> None:
        """Forget a recipient that nobody waits for any more; who was at work for it only, goes."""
        if inquiry.queued:
            inquiry.queued = False
            self._waiting -= 1
        if self._waiting:
            return
        self._queue.clear()
        for session in tuple(self._sessions):
            if not any(self._matters(each) for each in session.unanswered):
                session.abort(Trouble.NONE)
        for task in self._arriving:
            task.cancel()

    def blame(self, inquiry: Inquiry) -> Attempt:
        """Tell why a recipient has no answer at its deadline: the server's silence, or our queue."""
        session = next((each for each in self._sessions if inquiry in each.unanswered), None)
        if session is None and self._answered_at < inquiry.asked_at:
            session = next(iter(self._sessions), None)  # nobody was served while we waited
        if session is None:
            return self._attempt(inquiry, Stage.CONNECT, trouble=Trouble.DEADLINE)
        if (reply := session.heard_of(inquiry)) is not None:  # the rest of its group was slow
            return self._attempt(inquiry, Stage.RCPT, session, reply, meaning=meanings.read(reply))
        return self._attempt(inquiry, session.stage, session, trouble=Trouble.TIMEOUT)

    def close(self) -> None:
        """Drop all connections; who still waits is told that we had no time."""
        for task in self._tasks:
            task.cancel()
        pending = [cast("Inquiry", each) for session in self._sessions for each in session.unanswered]
        for session in tuple(self._sessions):
            session.abort(Trouble.NONE)
        self._settle(pending, Stage.CONNECT, trouble=Trouble.DEADLINE)
        self._flush(Stage.CONNECT, trouble=Trouble.DEADLINE)

    # What the sessions ask and tell

    def next_group(self, session: Session) -> tuple[Sequence[Recipient], bytes]:
        """Take the next recipients with one sender off the queue, and a random one beside them where it is time."""
        room = self._room(session)
        group: list[Inquiry] = []
        strangers: list[Inquiry] = []
        pipelining = "PIPELINING" in session.dialogue.offers
        while self._queue and len(group) + len(strangers) < room + bool(strangers):
            inquiry = self._queue[0]
            if group and (inquiry.sender, inquiry.smtputf8) != (group[0].sender, group[0].smtputf8):
                break
            self._queue.popleft()
            if not inquiry.queued:
                continue
            inquiry.queued = False
            self._waiting -= 1
            if inquiry.smtputf8 and "SMTPUTF8" not in session.dialogue.offers:
                self._settle([inquiry], Stage.MAIL, session, meaning=Meaning.NO_SMTPUTF8)
                continue
            group.append(inquiry)
            if pipelining and inquiry.wants_catch_all and (local_part := self._desk.catch_alls.claim(inquiry.domain)):
                strangers.append(self._stranger(local_part, inquiry))
        if not group:
            return (), b""
        return [*group, *strangers], commands.mail(group[0].sender, smtputf8=group[0].smtputf8)

    def heard(self, session: Session, answers: list[Heard]) -> None:
        """Tell each recipient what was said of it."""
        refused = True
        for heard in answers:
            inquiry = cast("Inquiry", heard.recipient)
            if meanings.wants_fewer(heard.reply) and inquiry.tries < MAX_TRIES:
                self._habits.group = max(1, session.served // 2)
                self._put_back([inquiry])
                continue
            meaning = meanings.read(heard.reply)
            refused = refused and meaning is Meaning.WE_ARE_REFUSED
            if meaning is Meaning.NO_SMTPUTF8 and not inquiry.smtputf8:
                meaning = Meaning.UNCLEAR
            self._settle([inquiry], Stage.RCPT, session, heard.reply, meaning=meaning)
            if meaning is Meaning.ACCEPTED and inquiry.wants_catch_all:
                self._ask_for_stranger(inquiry)
        self._answered_at = self._loop.time()
        self._habits.note(len(answers), sum(heard.reply.code >= 400 for heard in answers))
        if refused and not session.refused:
            self._desk.pacing.refused(self._route.organisation)
        session.refused = refused
        if not refused:
            self._strikes = 0
            self._desk.pacing.answered(self._route.organisation)

    def _room(self, session: Session) -> int:
        """Tell how many recipients the session may still ask for."""
        if session.refused or not session.takes_more:
            return 0
        if session.served >= FAIR_SHARE and self._desk.pacing.contended(self._route.organisation):
            return 0
        habits = self._habits
        errors_left = habits.errors - session.dialogue.errors
        if errors_left <= 0:
            return 0
        return min(habits.group_for(errors_left), habits.recipients - session.served, habits.group)

    # The random recipient

    def _stranger(self, local_part: str, beside: Inquiry) -> Inquiry:
        line = commands.recipient(f"{local_part}@{beside.domain}")
        return Inquiry(line, beside.domain, beside.sender, beside.smtputf8)

    def _ask_for_stranger(self, accepted: Inquiry) -> None:
        local_part = self._desk.catch_alls.claim(accepted.domain, accepted=True)
        if local_part:
            self._enqueue(self._stranger(local_part, accepted), first=True)

    # Sessions come and go

    def _staff(self) -> None:
        """Have as many connections as the queue is worth; those stuck in a slow group do not count."""
        now = self._loop.time()
        able = sum(now - session.sent_at < STUCK_SECONDS for session in self._sessions)
        wanted = min(ceil(self._waiting / GROUP_SIZE), self._desk.config.per_host)
        for _ in range(wanted - able - len(self._arriving)):
            task = self._loop.create_task(self._serve())
            self._tasks.add(task)
            self._arriving.add(task)
            task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._arriving.discard(task)
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("A session at %s broke down", self._route.address, exc_info=error)
            self._fail(error)
        if self._waiting and not self._desk.is_closed:
            self._staff()
        if not self._tasks and not self._waiting:
            self._desk.forget(self._route)

    async def _serve(self) -> None:
        """Live one connection's life, from the wait for its slot on."""
        organisation = self._route.organisation
        try:
            await self._desk.pacing.acquire(organisation)
        except HeldBackError as held_back:
            self._flush(Stage.CONNECT, reply=Reply(0, text=str(held_back)), trouble=Trouble.BACKOFF)
            return
        try:
            async with self._desk.sockets:
                if self._waiting:
                    await self._converse()
        finally:
            self._desk.pacing.release(organisation)

    async def _converse(self) -> None:
        route = self._route
        session = Session(
            self,
            self._desk.helo,
            starts_tls=self._habits.starts_tls,
            server_name=route.host,
            patience=self._desk.patience,
        )
        self._sessions.add(session)
        self._arriving.discard(cast("asyncio.Task[None]", asyncio.current_task()))
        try:
            if self._desk.guard.permits(route.address):
                await session.run(route.address, route.port, self._desk.source_for(route))
            else:
                session.trouble = Trouble.GUARDED
        finally:
            self._sessions.discard(session)
            session.abort(Trouble.NONE)
        self._conclude(session)

    def _conclude(self, session: Session) -> None:
        """Say what the end of a session means for those it leaves behind."""
        self._habits.starts_tls = self._habits.starts_tls or bool(session.tls)
        self._desk.note_health(self._route.address, session)
        left = [cast("Inquiry", each) for each in session.unanswered]
        refusal = session.dialogue.refusal
        stage, reply = refusal or (session.trouble_stage, None)
        meaning = meanings.read(reply, stage) if reply else Meaning.UNCLEAR
        if reply is None and not session.trouble:
            self._give_up(left)
        elif session.served == 0 and not left:
            self._refused_at_the_door(session, stage, reply, meaning)
        elif stage is Stage.MAIL and reply is not None and reply.code != SHUTTING_DOWN:
            self._sender_refused(session, left, reply, meaning)
        else:
            self._interrupted(session, left, stage, reply, meaning)

    def _refused_at_the_door(self, session: Session, stage: Stage, reply: Reply | None, meaning: Meaning) -> None:
        """Nobody was asked for: all who wait hear so, unless another connection goes on working."""
        if meaning is Meaning.WE_ARE_REFUSED:
            self._desk.pacing.refused(self._route.organisation)
        if not any(other.served for other in self._sessions):
            trouble = session.trouble if reply is None else Trouble.NONE
            self._flush(stage, session, reply, trouble=trouble, meaning=meaning)

    def _sender_refused(self, session: Session, left: list[Inquiry], reply: Reply, meaning: Meaning) -> None:
        """A refused MAIL concerns all who have this sender."""
        if meaning is Meaning.WE_ARE_REFUSED:
            self._desk.pacing.refused(self._route.organisation)
        senders = {inquiry.sender for inquiry in left}
        same = [inquiry for inquiry in self._queue if inquiry.queued and inquiry.sender in senders]
        for inquiry in same:
            self._queue.remove(inquiry)
            inquiry.queued = False
            self._waiting -= 1
        self._settle(left + same, Stage.MAIL, session, reply, meaning=meaning)

    def _interrupted(
        self, session: Session, left: list[Inquiry], stage: Stage, reply: Reply | None, meaning: Meaning
    ) -> None:
        """The connection ended within a group: what had answers keeps them, the rest goes again while that helps."""
        if session.served:
            self._habits.shrink(session.dialogue.errors, session.served)
        else:
            self._strikes += 1
            self._habits.group = 1
        lone = session.served == 0 and (len(left) == 1 or reply is not None or session.trouble is not Trouble.RESET)
        hopeless = [each for each in left if lone or each.tries >= MAX_TRIES]
        self._put_back([each for each in left if each not in hopeless])
        trouble = session.trouble if reply is None else Trouble.NONE
        self._settle(hopeless, stage, session, reply, trouble=trouble, meaning=meaning)
        if session.served == 0 and meaning is Meaning.WE_ARE_REFUSED:
            self._desk.pacing.refused(self._route.organisation)
            self._strikes = MAX_STRIKES
        if self._strikes >= MAX_STRIKES:
            self._flush(stage, session, reply, trouble=trouble, meaning=meaning)

    # The queue

    def _enqueue(self, inquiry: Inquiry, *, first: bool = False) -> None:
        if first:
            self._queue.appendleft(inquiry)
        else:
            self._queue.append(inquiry)
        inquiry.queued = True
        self._waiting += 1

    def _put_back(self, inquiries: list[Inquiry]) -> None:
        for inquiry in reversed(inquiries):
            if inquiry.is_alive and (inquiry.answer is not None or inquiry.tries == 0):
                inquiry.tries += 1
                self._enqueue(inquiry, first=True)
            else:
                self._give_up([inquiry])

    def _matters(self, recipient: Recipient) -> bool:
        inquiry = cast("Inquiry", recipient)
        return inquiry.answer is not None and not inquiry.answer.done()

    def _flush(
        self,
        stage: Stage,
        session: Session | None = None,
        reply: Reply | None = None,
        *,
        trouble: Trouble = Trouble.NONE,
        meaning: Meaning = Meaning.UNCLEAR,
    ) -> None:
        """Tell all who wait the same."""
        waiting, self._queue, self._waiting = self._queue, deque(), 0
        self._settle(waiting, stage, session, reply, trouble=trouble, meaning=meaning)

    def _settle(
        self,
        inquiries: Iterable[Inquiry],
        stage: Stage,
        session: Session | None = None,
        reply: Reply | None = None,
        *,
        trouble: Trouble = Trouble.NONE,
        meaning: Meaning = Meaning.UNCLEAR,
    ) -> None:
        for inquiry in inquiries:
            inquiry.queued = False
            if inquiry.answer is not None:
                if not inquiry.answer.done():
                    attempt = self._attempt(inquiry, stage, session, reply, trouble=trouble, meaning=meaning)
                    inquiry.answer.set_result(attempt)
            elif reply is not None and stage is Stage.RCPT:
                self._desk.catch_alls.settle(inquiry.domain, meaning, self._route.host)
            else:
                self._desk.catch_alls.give_up(inquiry.domain)

    def _give_up(self, inquiries: list[Inquiry]) -> None:
        """Let go of random recipients that were not asked for."""
        for inquiry in inquiries:
            if inquiry.answer is None:
                self._desk.catch_alls.give_up(inquiry.domain)

    def _fail(self, error: BaseException) -> None:
        """Hand a bug of ours to those who wait, so that nobody waits for ever."""
        waiting, self._queue, self._waiting = self._queue, deque(), 0
        for inquiry in waiting:
            inquiry.queued = False
            if inquiry.answer is None:
                self._desk.catch_alls.give_up(inquiry.domain)
            elif not inquiry.answer.done():
                inquiry.answer.set_exception(RuntimeError(f"a session broke down: {error!r}"))

    def _attempt(
        self,
        inquiry: Inquiry,
        stage: Stage,
        session: Session | None = None,
        reply: Reply | None = None,
        *,
        trouble: Trouble = Trouble.NONE,
        meaning: Meaning = Meaning.UNCLEAR,
    ) -> Attempt:
        said = reply or Reply(0)
        return Attempt(
            stage=stage,
            host=self._route.host,
            address=self._route.address,
            source=session.source if session else "",
            code=said.code,
            enhanced=said.enhanced,
            text=said.text[:MAX_TEXT],
            trouble=trouble,
            meaning=meaning,
            milliseconds=round((self._loop.time() - inquiry.asked_at) * 1000),
            tls=session.tls if session else "",
        )
