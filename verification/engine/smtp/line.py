"""The queue before one address of a mail host, and the connections that serve it.

Recipients join a queue only with those whose domains have the same mail hosts.  A connection takes the next group when
it is ready for it, so whoever comes while it greets goes along.  What a broken connection left unanswered goes back to
the head of the queue, in smaller groups.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from math import ceil
from typing import TYPE_CHECKING, cast

from verification.engine.pacing import HeldBackError
from verification.engine.smtp import commands, meanings
from verification.engine.smtp.client import Session
from verification.engine.smtp.dialogue import SHUTTING_DOWN, Heard, Recipient
from verification.engine.smtp.endings import ending, inquiry_of, left_by, told
from verification.engine.smtp.habits import FEW_ERRORS
from verification.engine.smtp.queue import Inquiry, Outcome, Queue
from verification.engine.smtp.replies import Reply
from verification.engine.types import Attempt, Meaning, Stage, Trouble

if TYPE_CHECKING:
    from verification.engine.smtp.desk import Desk, Route

MAX_TRIES = 5  # of one recipient at one address
MAX_STRIKES = 3  # connections in a row that broke without an answer
FAIR_SHARE = 50  # recipients after which a connection makes room when others wait for the organisation
STUCK_SECONDS = 2.0

NO_TIME = Outcome(Stage.CONNECT, trouble=Trouble.DEADLINE)

log = logging.getLogger(__name__)


class Line:
    """One route's queue; it owns its sessions and leaves the desk when there is nothing left to do."""

    def __init__(self, desk: Desk, route: Route) -> None:
        self._desk = desk
        self._route = route
        self._habits = desk.habits.of(route.address)
        self._loop = asyncio.get_running_loop()
        self._queue = Queue()
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
        if self._desk.is_closed:
            self._settle([inquiry], NO_TIME)
            return
        self._queue.put(inquiry)
        self._staff()

    def drop(self, inquiry: Inquiry) -> None:
        """Forget a recipient that nobody waits for any more; who was at work for it only, goes."""
        self._queue.drop(inquiry)
        if self._queue:
            return
        for session in tuple(self._sessions):
            if not any(each.is_wanted for each in left_by(session)):
                session.abort(Trouble.NONE)
        for task in self._arriving:
            task.cancel()

    def blame(self, inquiry: Inquiry) -> Attempt:
        """Tell why a recipient has no answer at its deadline: the server's silence, or our queue."""
        session = next((each for each in self._sessions if inquiry in each.unanswered), None)
        if session is None and self._answered_at < inquiry.asked_at:
            session = next(iter(self._sessions), None)  # nobody was served while we waited
        if session is None:
            return self._attempt(inquiry, NO_TIME)
        if (reply := session.heard_of(inquiry)) is not None:  # the rest of its group was slow
            return self._attempt(inquiry, told(session, Stage.RCPT, reply))
        return self._attempt(inquiry, Outcome(session.stage, trouble=Trouble.TIMEOUT, source=session.source))

    def close(self) -> None:
        """Drop all connections; who still waits is told that we had no time."""
        for task in self._tasks:
            task.cancel()
        pending = [each for session in self._sessions for each in left_by(session)]
        for session in tuple(self._sessions):
            session.abort(Trouble.NONE)
        self._settle(pending + self._queue.take_all(), NO_TIME)

    # What the sessions ask and tell

    def next_group(self, session: Session) -> tuple[Sequence[Recipient], bytes]:
        """Take the next recipients with one sender off the queue, and a random one beside them where it is time."""
        room = self._room(session)
        offers = session.dialogue.offers
        group: list[Inquiry] = []
        strangers: list[Inquiry] = []
        while len(group) + len(strangers) < room + bool(strangers) and (inquiry := self._queue.peek()) is not None:
            if group and (inquiry.sender, inquiry.smtputf8) != (group[0].sender, group[0].smtputf8):
                break
            self._queue.take()
            if inquiry.smtputf8 and "SMTPUTF8" not in offers:
                self._settle([inquiry], Outcome(Stage.MAIL, meaning=Meaning.NO_SMTPUTF8, source=session.source))
                continue
            group.append(inquiry)
            if inquiry.wants_catch_all and "PIPELINING" in offers:
                strangers += self._stranger(inquiry)
        if not group:
            return (), b""
        return [*group, *strangers], commands.mail(group[0].sender, smtputf8=group[0].smtputf8)

    def heard(self, session: Session, answers: list[Heard]) -> None:
        """Tell each recipient what was said of it."""
        refused = True
        for heard in answers:
            inquiry = inquiry_of(heard.recipient)
            if meanings.wants_fewer(heard.reply) and inquiry.tries < MAX_TRIES:
                self._habits.group = max(1, session.served // 2)
                self._put_back([inquiry])
                continue
            outcome = told(session, Stage.RCPT, heard.reply)
            refused = refused and outcome.meaning is Meaning.WE_ARE_REFUSED
            self._settle([inquiry], outcome)
            if outcome.meaning is Meaning.ACCEPTED and inquiry.wants_catch_all:
                for stranger in self._stranger(inquiry, accepted=True):
                    self._queue.put(stranger, first=True)
        self._answered_at = self._loop.time()
        self._habits.note(len(answers), sum(heard.reply.code >= 400 for heard in answers))
        if not refused:
            self._strikes = 0
            self._desk.pacing.answered(self._route.organisation)
        elif not session.refused:
            self._desk.pacing.refused(self._route.organisation)
        session.refused = refused

    def _room(self, session: Session) -> int:
        """Tell how many recipients the session may still ask for."""
        if session.refused or not session.takes_more:
            return 0
        if session.served >= FAIR_SHARE and self._desk.pacing.contended(self._route.organisation):
            return 0
        return self._habits.room(session.dialogue.errors, session.served)

    def _stranger(self, beside: Inquiry, *, accepted: bool = False) -> list[Inquiry]:
        """Give the random recipient of a domain, if it is time to ask for it."""
        local_part = self._desk.catch_alls.claim(beside.domain, accepted=accepted)
        if not local_part:
            return []
        line = commands.recipient(f"{local_part}@{beside.domain}")
        return [Inquiry(line, beside.domain, beside.sender, beside.smtputf8)]

    # Sessions come and go

    def _staff(self) -> None:
        """Have as many connections as the queue is worth; those stuck in a slow group do not count."""
        wanted = min(ceil(len(self._queue) / FEW_ERRORS), self._desk.config.per_host) - len(self._arriving)
        if wanted <= 0:
            return
        now = self._loop.time()
        able = sum(now - session.sent_at < STUCK_SECONDS for session in self._sessions)
        for _ in range(wanted - able):
            task = self._loop.create_task(self._serve())
            self._tasks.add(task)
            self._arriving.add(task)
            task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._arriving.discard(task)
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error, [])
        if self._queue and not self._desk.is_closed:
            self._staff()
        if not self._tasks and not self._queue:
            self._desk.forget(self._route)

    async def _serve(self) -> None:
        """Live one connection's life, from the wait for its slot on."""
        organisation = self._route.organisation
        try:
            await self._desk.pacing.acquire(organisation)
        except HeldBackError as held_back:
            reply = Reply(0, text=str(held_back))
            self._settle(self._queue.take_all(), Outcome(Stage.CONNECT, reply, Trouble.BACKOFF))
            return
        try:
            async with self._desk.sockets:
                if self._queue:
                    await self._converse()
        finally:
            self._desk.pacing.release(organisation)

    async def _converse(self) -> None:
        route, desk = self._route, self._desk
        starts_tls = self._habits.starts_tls
        session = Session(self, desk.helo, starts_tls=starts_tls, server_name=route.host, patience=desk.patience)
        self._sessions.add(session)
        self._arriving.discard(cast("asyncio.Task[None]", asyncio.current_task()))
        try:
            if desk.guard.permits(route.address):
                await session.run(route.address, route.port, desk.source_for(route))
            else:
                session.trouble = Trouble.GUARDED
        finally:
            self._sessions.discard(session)
            session.abort(Trouble.NONE)
        try:
            if session.failure is not None:
                raise session.failure
            self._conclude(session)
        except Exception as error:  # noqa: BLE001 - logged and handed to those who wait
            self._fail(error, left_by(session))

    def _conclude(self, session: Session) -> None:
        """Say what the end of a session means for those it leaves behind."""
        self._habits.starts_tls = self._habits.starts_tls or bool(session.tls)
        self._desk.note_health(self._route.address, session)
        left = left_by(session)
        outcome = ending(session)
        if outcome is None:
            self._give_up(left)
        elif session.served == 0 and not left:
            self._refused_at_the_door(outcome)
        elif outcome.stage is Stage.MAIL and outcome.reply.code not in (0, SHUTTING_DOWN):
            self._sender_refused(left, outcome)
        else:
            self._interrupted(session, left, outcome)

    def _refused_at_the_door(self, outcome: Outcome) -> None:
        """Nobody was asked for: all who wait hear so, unless another connection goes on working."""
        self._note_refusal(outcome)
        if not any(other.served for other in self._sessions):
            self._settle(self._queue.take_all(), outcome)

    def _sender_refused(self, left: list[Inquiry], outcome: Outcome) -> None:
        """A refused MAIL concerns all who have this sender."""
        self._note_refusal(outcome)
        self._settle(left + self._queue.take_senders({inquiry.sender for inquiry in left}), outcome)

    def _interrupted(self, session: Session, left: list[Inquiry], outcome: Outcome) -> None:
        """The connection ended within a group: what had answers keeps them, the rest goes again while that helps."""
        if session.served:
            self._habits.hung_up(session.dialogue.errors, session.served)
            hopeless = [each for each in left if each.tries >= MAX_TRIES]
        else:
            self._habits.group = 1
            self._strikes += 1
            self._note_refusal(outcome)
            helps = len(left) > 1 and outcome.trouble is Trouble.RESET
            hopeless = [each for each in left if not helps or each.tries >= MAX_TRIES]
        self._put_back([each for each in left if each not in hopeless])
        self._settle(hopeless, outcome)
        if self._strikes >= MAX_STRIKES or (session.served == 0 and outcome.meaning is Meaning.WE_ARE_REFUSED):
            self._settle(self._queue.take_all(), outcome)

    def _note_refusal(self, outcome: Outcome) -> None:
        if outcome.meaning is Meaning.WE_ARE_REFUSED:
            self._desk.pacing.refused(self._route.organisation)

    # Telling those who wait

    def _put_back(self, inquiries: list[Inquiry]) -> None:
        for inquiry in reversed(inquiries):
            if inquiry.is_wanted or (inquiry.is_random and inquiry.tries == 0):
                inquiry.tries += 1
                self._queue.put(inquiry, first=True)
            else:
                self._give_up([inquiry])

    def _settle(self, inquiries: Iterable[Inquiry], outcome: Outcome) -> None:
        for inquiry in inquiries:
            if inquiry.is_wanted:
                assert inquiry.answer is not None
                inquiry.answer.set_result(self._attempt(inquiry, outcome))
            elif inquiry.is_random and outcome.stage is Stage.RCPT and not outcome.trouble:
                self._desk.catch_alls.settle(inquiry.domain, outcome.meaning, self._route.host)
            else:
                self._give_up([inquiry])

    def _give_up(self, inquiries: list[Inquiry]) -> None:
        """Let go of random recipients that were not asked for."""
        for inquiry in inquiries:
            if inquiry.is_random:
                self._desk.catch_alls.give_up(inquiry.domain)

    def _fail(self, error: BaseException, left: list[Inquiry]) -> None:
        """Hand a bug of ours to those who wait, so that nobody waits for ever."""
        log.error("A session at %s broke down", self._route.address, exc_info=error)
        for inquiry in left + self._queue.take_all():
            if inquiry.is_wanted:
                assert inquiry.answer is not None
                inquiry.answer.set_exception(RuntimeError(f"a session broke down: {error!r}"))
            else:
                self._give_up([inquiry])

    def _attempt(self, inquiry: Inquiry, outcome: Outcome) -> Attempt:
        waited = round((self._loop.time() - inquiry.asked_at) * 1000)
        if outcome.meaning is Meaning.NO_SMTPUTF8 and not inquiry.smtputf8:
            outcome = Outcome(outcome.stage, outcome.reply, source=outcome.source, tls=outcome.tls)
        return outcome.attempt(self._route.host, self._route.address, waited)
