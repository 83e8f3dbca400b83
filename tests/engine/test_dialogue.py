"""The dialogue without sockets: what it says to what it hears."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from verification.engine.smtp.commands import mail, recipient
from verification.engine.smtp.dialogue import Dialogue, OutOfStep, Phase
from verification.engine.smtp.replies import ReplyReader
from verification.engine.types import Stage

MAIL = mail("probe@example.org")
GREET = "220 mx.test"
PIPELINES = "250-mx.test\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 SMTPUTF8"
BARE = "250 mx.test"
OK = "250 2.1.0 Ok"


@dataclass(eq=False)
class Somebody:
    name: str

    @property
    def line(self) -> bytes:
        return recipient(f"{self.name}@b.test")


class Talk:
    """A dialogue, and what was heard of whom."""

    def __init__(self, *, starts_tls: bool = False, stepwise: bool = False) -> None:
        self.dialogue = Dialogue("probe.example.org", starts_tls=starts_tls, stepwise=stepwise)
        self.reader = ReplyReader()
        self.said: list[tuple[str, int]] = []

    def hear(self, *replies: str) -> bytes:
        """Hear replies; give what is said then."""
        for reply in self.reader.feed("".join(f"{reply}\r\n" for reply in replies).encode()):
            heard = self.dialogue.hear(reply)
            if heard is not None:
                assert isinstance(heard.recipient, Somebody)
                self.said.append((heard.recipient.name, heard.reply.code))
        return self.dialogue.speak()

    def ask(self, *names: str, last: bool = False) -> bytes:
        self.dialogue.ask([Somebody(name) for name in names], MAIL, last=last)
        return self.dialogue.speak()

    @property
    def unanswered(self) -> list[str]:
        return [each.name for each in self.dialogue.unanswered if isinstance(each, Somebody)]


def ready(offer: str = PIPELINES, *, stepwise: bool = False) -> Talk:
    talk = Talk(stepwise=stepwise)
    assert talk.hear(GREET) == b"EHLO probe.example.org\r\n"
    assert talk.hear(offer) == b""
    assert talk.dialogue.phase is Phase.READY
    return talk


def test_a_group_in_one_write_where_pipelining_is_offered() -> None:
    talk = ready()
    assert talk.ask("a", "b") == MAIL + b"RCPT TO:<a@b.test>\r\nRCPT TO:<b@b.test>\r\n"
    assert talk.hear(OK, OK) == b""
    assert talk.hear("550 5.1.1 no") == b""
    assert (talk.said, talk.dialogue.phase, talk.dialogue.errors) == ([("a", 250), ("b", 550)], Phase.READY, 1)


def test_step_by_step_where_it_is_not() -> None:
    talk = ready(BARE)
    assert talk.ask("a", "b") == MAIL
    assert talk.hear(OK) == b"RCPT TO:<a@b.test>\r\n"
    assert talk.hear(OK) == b"RCPT TO:<b@b.test>\r\n"
    assert talk.hear(OK) == b""
    assert (talk.said, talk.dialogue.phase) == ([("a", 250), ("b", 250)], Phase.READY)


def test_the_next_group_begins_with_rset() -> None:
    talk = ready()
    talk.ask("a")
    talk.hear(OK, OK)
    assert talk.ask("b") == b"RSET\r\n" + MAIL + b"RCPT TO:<b@b.test>\r\n"
    talk.hear(OK, OK, "550 5.1.1 no")
    assert talk.said == [("a", 250), ("b", 550)]


def test_the_last_group_takes_its_goodbye_along() -> None:
    talk = ready()
    assert talk.ask("a", "b", last=True) == MAIL + b"RCPT TO:<a@b.test>\r\nRCPT TO:<b@b.test>\r\nQUIT\r\n"
    talk.hear(OK, OK, "550 5.1.1 no")
    assert (talk.dialogue.phase, talk.dialogue.is_unconfirmed) == (Phase.QUITTING, True)
    talk.hear("221 bye")
    assert (talk.dialogue.phase, talk.dialogue.is_unconfirmed) == (Phase.OVER, False)
    assert talk.said == [("a", 250), ("b", 550)]


@pytest.mark.parametrize(("offer", "stepwise"), [(BARE, False), (PIPELINES, True)])
def test_step_by_step_the_goodbye_waits(offer: str, stepwise: bool) -> None:
    talk = ready(offer, stepwise=stepwise)
    assert talk.ask("a", last=True) == MAIL
    assert talk.hear(OK) == b"RCPT TO:<a@b.test>\r\n"
    assert talk.hear(OK) == b""
    assert (talk.dialogue.phase, talk.dialogue.is_unconfirmed) == (Phase.READY, False)


@pytest.mark.parametrize("replies", [(OK, OK, OK, "550 5.1.1 no"), (OK, OK, "221 bye"), (OK, "221 bye")])
def test_replies_too_many_or_too_few_show_at_the_goodbye(replies: tuple[str, ...]) -> None:
    talk = ready()
    talk.ask("a", "b", last=True)
    with pytest.raises(OutOfStep):
        talk.hear(*replies)


@pytest.mark.parametrize("replies", [("530 5.7.0 STARTTLS first", "503 no"), (OK, "530 5.7.0 STARTTLS first")])
def test_tls_demanded_of_a_group_that_took_its_goodbye_along(replies: tuple[str, ...]) -> None:
    talk = ready()
    talk.ask("a", last=True)
    talk.hear(*replies, "221 bye")
    assert (talk.dialogue.left_for_tls, talk.unanswered, talk.said) == (True, ["a"], [])


def test_goodbye() -> None:
    talk = ready()
    talk.dialogue.quit()
    assert talk.dialogue.speak() == b"QUIT\r\n"
    talk.hear("221 bye")
    assert talk.dialogue.phase is Phase.OVER


def test_helo_where_ehlo_is_not_known() -> None:
    talk = Talk()
    talk.hear(GREET)
    assert talk.hear("502 what?") == b"HELO probe.example.org\r\n"
    talk.hear("250 hello")
    assert (talk.dialogue.phase, talk.dialogue.offers) == (Phase.READY, frozenset())


@pytest.mark.parametrize(
    ("replies", "stage", "goodbye"),
    [
        (["554 5.7.1 not you"], Stage.GREETING, b"QUIT\r\n"),
        (["250 a greeting that is none"], Stage.GREETING, b"QUIT\r\n"),
        (["421 busy"], Stage.GREETING, b""),
        ([GREET, "451 later"], Stage.EHLO, b"QUIT\r\n"),
        ([GREET, "550 no", "550 no"], Stage.EHLO, b"QUIT\r\n"),
        ([GREET, "421 no"], Stage.EHLO, b""),
    ],
)
def test_a_connection_that_is_refused(replies: list[str], stage: Stage, goodbye: bytes) -> None:
    talk = Talk()
    spoken = [talk.hear(reply) for reply in replies]
    assert talk.dialogue.refusal is not None
    assert (talk.dialogue.refusal[0], spoken[-1]) == (stage, goodbye)


@pytest.mark.parametrize(
    ("reply", "kept"), [("550 5.7.1 not you", 550), ("504 5.5.2 bad name", 504), ("502 what?", None)]
)
def test_a_refused_ehlo_counts_unless_helo_is_taken(reply: str, kept: int | None) -> None:
    talk = Talk()
    talk.hear(GREET)
    assert talk.hear(reply) == b"HELO probe.example.org\r\n"
    refusal = talk.dialogue.refusal
    assert (refusal and refusal[1].code) == kept
    talk.hear("250 hello")
    assert talk.dialogue.refusal is None


def test_the_stage_of_a_handshake() -> None:
    talk = Talk(starts_tls=True)
    talk.hear(GREET)
    talk.hear(PIPELINES)
    talk.hear("220 go ahead")
    assert (talk.dialogue.phase, talk.dialogue.stage) == (Phase.HANDSHAKE, Stage.STARTTLS)


def test_a_refused_mail_says_nothing_of_its_recipients() -> None:
    talk = ready()
    talk.ask("a", "b")
    assert talk.hear("550 5.7.1 no", "250 ok", "550 5.1.1 no such user") == b"QUIT\r\n"
    assert (talk.said, talk.unanswered) == ([], ["a", "b"])
    assert talk.dialogue.refusal is not None
    assert talk.dialogue.refusal[0] is Stage.MAIL


def test_a_refused_mail_step_by_step_asks_for_nobody() -> None:
    talk = ready(BARE)
    talk.ask("a", "b")
    assert talk.hear("451 no") == b"QUIT\r\n"
    assert talk.unanswered == ["a", "b"]


def test_421_within_a_group_leaves_the_rest_unanswered() -> None:
    talk = ready()
    talk.ask("a", "b", "c")
    talk.hear(OK, "550 5.1.1 no", "421 4.7.0 too many errors")
    assert (talk.said, talk.unanswered, talk.dialogue.phase) == ([("a", 550)], ["b", "c"], Phase.OVER)


@pytest.mark.parametrize("at", ["mail", "rcpt"])
def test_tls_where_it_is_demanded(at: str) -> None:
    talk = ready()
    talk.ask("a", "b")
    demand = "530 5.7.0 Must issue a STARTTLS command first"
    replies = [demand, "503 mail first", "503 mail first"] if at == "mail" else [OK, demand, demand]
    assert talk.hear(*replies) == b"STARTTLS\r\n"
    talk.hear("220 go ahead")
    assert talk.dialogue.phase is Phase.HANDSHAKE
    talk.dialogue.secured()
    assert talk.dialogue.speak() == b"EHLO probe.example.org\r\n"
    group = MAIL + b"RCPT TO:<a@b.test>\r\nRCPT TO:<b@b.test>\r\n"
    assert talk.hear(PIPELINES) == group
    talk.hear(OK, OK, OK)
    assert talk.said == [("a", 250), ("b", 250)]


def test_tls_at_once_where_it_is_known_to_be_demanded() -> None:
    talk = Talk(starts_tls=True)
    talk.hear(GREET)
    assert talk.hear(PIPELINES) == b"STARTTLS\r\n"


def test_a_demand_for_tls_that_is_not_offered_is_a_refusal() -> None:
    talk = ready(BARE)
    talk.ask("a")
    assert talk.hear("530 5.7.0 STARTTLS first") == b"QUIT\r\n"


def test_tls_that_is_refused() -> None:
    talk = ready()
    talk.ask("a")
    talk.hear("530 5.7.0 STARTTLS first", "503 no")
    assert talk.hear("454 4.7.0 not now") == b"QUIT\r\n"
    assert talk.unanswered == ["a"]


def test_a_refused_rset_ends_the_connection() -> None:
    talk = ready()
    talk.ask("a")
    talk.hear(OK, OK)
    talk.ask("b")
    assert talk.hear("502 what?") == b""
    assert (talk.unanswered, talk.dialogue.phase) == (["b"], Phase.OVER)


def test_a_reply_to_nothing() -> None:
    talk = ready()
    with pytest.raises(OutOfStep):
        talk.hear(OK)


def test_no_recipient_is_asked_for_twice_in_a_transaction() -> None:
    talk = ready()
    talk.ask("a", "b")
    talk.hear(OK, OK)
    assert talk.unanswered == ["b"]
    assert talk.dialogue.speak() == b""
