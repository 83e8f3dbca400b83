"""The queue before one address of a mail host, and the connections that serve it.

Recipients join a queue only with those whose domains have the same mail hosts.  A connection takes the next group when
it is ready for it, so whoever comes while it greets goes along.  What a broken connection left unanswered goes back to
the head of the queue, in smaller groups.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING, cast

from verification.engine.pacing import HeldBackError
from verification.engine.smtp import commands
from verification.engine.smtp.client import Session
from verification.engine.smtp.dialogue import SHUTTING_DOWN, Heard, Recipient
from verification.engine.smtp.endings import MAX_TRIES, Sifted, ending, left_by, sift, told
from verification.engine.smtp.habits import FEW_ERRORS
from verification.engine.smtp.queue import Inquiry, Outcome, Queue
from verification.engine.smtp.replies import Reply
from verification.engine.smtp.teller import Teller
from verification.engine.types import Attempt, Meaning, Stage, Trouble

if TYPE_CHECKING:
    from verification.engine.smtp.desk import Desk, Route

MAX_STRIKES = 3  # connections in a row that broke without an answer
FAIR_SHARE = 50  # recipients after which a connection makes room when others wait for the organisation
STUCK_SECONDS = 2.0

NO_TIME = Outcome(Stage.CONNECT, trouble=Trouble.DEADLINE)
NO_TLS = Outcome(Stage.STARTTLS, trouble=Trouble.TLS)


class Line:
    """One route's queue; it owns its sessions and leaves the desk when there is nothing left to do."""

    def __init__(self, desk: Desk, route: Route) -> None:
        self._desk = desk
        self._route = route
        self._habits = desk.habits.of(route.address)
        self._loop = asyncio.get_running_loop()
        self._queue = Queue()
        self._teller = Teller(desk.catch_alls, route)
        self._strikes = 0
        self._answered_at = 0.0
        self._turned_away: Outcome | None = None  # at the door, while others of ours may have been inside
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
            self._teller.settle([inquiry], NO_TIME)
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
            return self._teller.attempt(inquiry, self._turned_away or NO_TIME)
        if (reply := session.heard_of(inquiry)) is not None:  # the rest of its group was slow
            return self._teller.attempt(inquiry, told(session, Stage.RCPT, reply))
        return self._teller.attempt(inquiry, Outcome(session.stage, trouble=Trouble.TIMEOUT, source=session.source))

    def close(self) -> None:
        """Drop all connections; who still waits is told that we had no time."""
        for task in self._tasks:
            task.cancel()
        pending = [each for session in self._sessions for each in left_by(session)]
        for session in tuple(self._sessions):
            session.abort(Trouble.NONE)
        self._teller.settle(pending + self._queue.take_all(), NO_TIME)

    # What the sessions ask and tell

    def next_group(self, session: Session) -> tuple[Sequence[Recipient], bytes, bool]:
        """Take the next recipients with one sender off the queue, and a random one beside them where it is time.

        They are the last when nobody is left in the queue; who comes later has a connection of their own.
        """
        room = self._room(session)
        offers = session.dialogue.offers
        group: list[Inquiry] = []
        strangers: list[Inquiry] = []
        while len(group) + len(strangers) < room + bool(strangers) and (inquiry := self._queue.peek()) is not None:
            if group and (inquiry.sender, inquiry.smtputf8) != (group[0].sender, group[0].smtputf8):
                break
            self._queue.take()
            if inquiry.smtputf8 and "SMTPUTF8" not in offers:
                self._teller.settle([inquiry], Outcome(Stage.MAIL, meaning=Meaning.NO_SMTPUTF8, source=session.source))
                continue
            group.append(inquiry)
            if inquiry.wants_catch_all and session.dialogue.pipelines:
                strangers += self._stranger(inquiry)
        if not group:
            return (), b"", True
        mail = commands.mail(group[0].sender, smtputf8=group[0].smtputf8)
        return [*group, *strangers], mail, not self._queue

    def heard(self, session: Session, answers: list[Heard]) -> None:
        """Tell each recipient what was said of it."""
        sifted = sift(session, answers)
        for inquiry, outcome in sifted.told:
            self._teller.settle([inquiry], outcome)
            if outcome.meaning is Meaning.ACCEPTED and inquiry.wants_catch_all:
                for stranger in self._stranger(inquiry, accepted=True):
                    self._queue.put(stranger, first=True)
        self._learn(session, sifted, answers)
        self._put_back(sifted.again)
        if not sifted.refused:
            self._strikes = 0
            self._turned_away = None
            self._desk.pacing.answered(self._route.organisation)
        elif not (session.refused or sifted.limit_reached):
            self._desk.pacing.refused(self._route.organisation)
        session.refused = sifted.refused or sifted.limit_reached

    def _learn(self, session: Session, sifted: Sifted, answers: list[Heard]) -> None:
        """Note what the server bears."""
        self._answered_at = self._loop.time()
        if sifted.wants_smaller_groups:
            self._habits.group = max(1, session.served // 2)
        if sifted.limit_reached and sifted.errors:
            self._habits.hung_up(sifted.errors + 1, session.served)
        self._habits.note(len(answers), sum(heard.reply.code >= 400 for heard in answers))

    def _room(self, session: Session) -> int:
        """Tell how many recipients the session may still ask for."""
        if session.refused or not session.takes_more:
            return 0
        if session.served >= FAIR_SHARE and (
            self._habits.gate.waiting or self._desk.pacing.contended(self._route.organisation)
        ):
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
        room = self._habits.gate.slots - len(self._sessions) - len(self._arriving)
        for _ in range(min(wanted - able, room)):
            task = self._loop.create_task(self._serve())
            self._tasks.add(task)
            self._arriving.add(task)
            task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._arriving.discard(task)
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._teller.fail(error, self._queue.take_all())
        if self._queue and not self._desk.is_closed:
            self._staff()
        if not self._tasks and not self._queue:
            self._desk.forget(self._route)

    async def _serve(self) -> None:
        """Live one connection's life, from the wait for its turn on."""
        habits, came_at = self._habits, self._loop.time()
        await habits.gate.enter()
        try:
            if (quiet := habits.quiet_until - self._loop.time()) > 0:
                await asyncio.sleep(quiet)
            if (shut := habits.shut_since(came_at)) is not None:
                self._teller.settle(self._queue.take_all(), shut)
            else:
                await self._serve_in_turn()
        finally:
            habits.gate.leave()

    async def _serve_in_turn(self) -> None:
        organisation = self._route.organisation
        try:
            await self._desk.pacing.acquire(organisation)
        except HeldBackError as held_back:
            reply = Reply(0, text=str(held_back))
            self._teller.settle(self._queue.take_all(), Outcome(Stage.CONNECT, reply, Trouble.BACKOFF))
            return
        try:
            async with self._desk.sockets:
                if self._queue and self._habits.open < self._habits.gate.slots:  # fewer by now, perhaps
                    await self._converse()
        finally:
            self._desk.pacing.release(organisation)

    async def _converse(self) -> None:
        route, desk = self._route, self._desk
        session = Session(
            self,
            desk.helo,
            starts_tls=self._habits.starts_tls,
            careful=self._habits.careful,
            server_name=route.host,
            patience=desk.patience,
        )
        self._sessions.add(session)
        self._habits.open += 1
        self._arriving.discard(cast("asyncio.Task[None]", asyncio.current_task()))
        try:
            if desk.guard.permits(route.address):
                await session.run(route.address, route.port, route.source)
            else:
                session.trouble = Trouble.GUARDED
        finally:
            self._sessions.discard(session)
            self._habits.open -= 1
            session.abort(Trouble.NONE)
        try:
            if session.failure is not None:
                raise session.failure
            self._conclude(session)
        except Exception as error:  # noqa: BLE001 - logged and handed to those who wait
            self._teller.fail(error, left_by(session) + self._queue.take_all())

    def _conclude(self, session: Session) -> None:
        """Say what the end of a session means for those it leaves behind."""
        self._habits.starts_tls = self._habits.starts_tls or bool(session.tls)
        self._desk.note_health(self._route.address, session)
        left = left_by(session)
        if session.dialogue.left_for_tls:
            self._habits.starts_tls = True
            self._come_again(left, NO_TLS)
            return
        if session.is_doubtful:
            self._habits.careful = True
            self._come_again(left, Outcome(Stage.RCPT, trouble=Trouble.GARBAGE, source=session.source, tls=session.tls))
            return
        outcome = ending(session)
        if outcome is None or session.served:
            self._habits.left_at = self._loop.time()
        if outcome is None:
            self._teller.give_up(left)
        elif session.served == 0 and not left:
            self._refused_at_the_door(outcome)
        elif outcome.stage is Stage.MAIL and outcome.reply.code not in (0, SHUTTING_DOWN):
            self._sender_refused(left, outcome)
        else:
            self._interrupted(session, left, outcome)

    def _come_again(self, left: list[Inquiry], otherwise: Outcome) -> None:
        """Ask again in the manner that was learned; tell those who were asked for too often."""
        self._teller.settle([each for each in left if each.tries >= MAX_TRIES], otherwise)
        self._put_back([each for each in left if each.tries < MAX_TRIES])

    def _refused_at_the_door(self, outcome: Outcome) -> None:
        """Nobody was asked for: all who wait hear so, unless it may be for the number of our connections."""
        others_work = any(other.served for other in self._sessions)
        if self._habits.is_crowded(outcome, self._loop.time()) or others_work:
            self._habits.bear_fewer()
            self._turned_away = outcome
            return
        self._note_refusal(outcome)
        self._habits.found_shut(outcome, self._loop.time())
        self._turned_away = None
        self._teller.settle(self._queue.take_all(), outcome)

    def _sender_refused(self, left: list[Inquiry], outcome: Outcome) -> None:
        """A refused MAIL concerns all who have this sender."""
        self._note_refusal(outcome)
        self._teller.settle(left + self._queue.take_senders({inquiry.sender for inquiry in left}), outcome)

    def _interrupted(self, session: Session, left: list[Inquiry], outcome: Outcome) -> None:
        """The connection ended within a group: what had answers keeps them, the rest goes again while that helps."""
        at_a_recipient = outcome.stage is Stage.RCPT and outcome.reply.code > 0  # it may be the only one meant
        if session.served:
            if not session.refused:  # else that was learned with the answers
                self._habits.hung_up(session.dialogue.errors, session.served)
            hopeless = [each for each in left if each.tries >= MAX_TRIES]
        else:
            self._habits.group = 1
            helps = len(left) > 1 and (outcome.trouble is Trouble.RESET or at_a_recipient)
            if not helps:
                self._strikes += 1
                self._note_refusal(outcome)
            hopeless = [each for each in left if not helps or each.tries >= MAX_TRIES]
        self._put_back([each for each in left if each not in hopeless])
        self._teller.settle(hopeless, outcome)
        we_are_meant = session.served == 0 and outcome.meaning is Meaning.WE_ARE_REFUSED and not at_a_recipient
        if self._strikes >= MAX_STRIKES or we_are_meant:
            self._teller.settle(self._queue.take_all(), outcome)

    def _note_refusal(self, outcome: Outcome) -> None:
        if outcome.meaning is Meaning.WE_ARE_REFUSED:
            self._desk.pacing.refused(self._route.organisation)

    def _put_back(self, inquiries: list[Inquiry]) -> None:
        for inquiry in reversed(inquiries):
            if inquiry.is_wanted or (inquiry.is_random and inquiry.tries == 0):
                inquiry.tries += 1
                self._queue.put(inquiry, first=True)
            else:
                self._teller.give_up([inquiry])
