"""Manners of mail servers, each with the verdicts written by hand."""

from __future__ import annotations

import ssl

from tests.engine.hostile.smtp_server import (
    BARE_OFFER,
    GREETING,
    NO_USER,
    OFFER,
    TLS_OFFER,
    Act,
    Peer,
    bytewise,
    close,
    flood,
    half_close,
    hang,
    honestly,
    in_two,
    late,
    plays,
    reset,
    secure,
    until_secure,
)
from tests.engine.hostile.world import (
    CATCH_ALL,
    FASTER,
    FULL,
    LATER,
    MISSING,
    OK,
    OUR_ADDRESS,
    POLICY,
    UNKNOWN,
    Case,
)
from verification.mailworld.certificate import server_context

STAGES = {"greeting": GREETING, "EHLO": "EHLO", "MAIL": "MAIL", "RCPT": "RCPT"}
BANNER = b"220 mx.test ESMTP\r\n"
GREETED = b"250 hi\r\n"
ACCEPTED = b"250 2.1.5 Ok\r\n"
TWO = ("jane", "missing")
HONEST = ("jane", "john", "missing", "full", "info")


def at_each_stage(kind: str, act: Act, expected: str, *, quit_too: bool = True) -> dict[str, Case]:
    cases = {
        f"{kind} at {name}, {manner}": Case.of(
            plays({verb: act, **({"HELO": act} if verb == "EHLO" else {})}, offer=offer), expected
        )
        for name, verb in STAGES.items()
        for manner, offer in (("pipelined", OFFER), ("stepwise", BARE_OFFER))
    }
    if quit_too:
        cases[f"{kind} at QUIT"] = Case.of(plays({"QUIT": act}), OK, MISSING, users=TWO)
    return cases


def at(verb: str, act: Act) -> dict[str, Act]:
    return {"EHLO": act, "HELO": act} if verb == "EHLO" else {verb: act}


def lost_connections() -> dict[str, Case]:
    cases: dict[str, Case] = {}
    for kind, act in {"close": close, "reset": reset, "half close": half_close}.items():
        cases |= at_each_stage(kind, act, LATER)
    cases |= at_each_stage("silence", hang, LATER)
    return cases


def endless_talk() -> dict[str, Case]:
    cases: dict[str, Case] = {}
    for name, verb in STAGES.items():
        code = b"220" if verb == GREETING else b"250"
        for reply in (code, b"550"):
            told = f"{reply.decode()} at {name}"
            cases[f"a line without end, {told}"] = Case.of(plays({verb: flood(reply + b"-", b"x" * 8192)}), LATER)
            cases[f"lines without end, {told}"] = Case.of(
                plays({verb: flood(b"", (reply + b"-more\r\n") * 100)}), LATER
            )
        junk = flood(b"", b"talk that is no reply\r\n" * 100)  # only the bound in bytes ends this one
        cases[f"junk without end at {name}"] = Case.of(plays({verb: junk}), UNKNOWN)
    cases["EHLO offers without end"] = Case.of(plays({"EHLO": flood(b"250-mx\r\n", b"250-X-OFFER\r\n" * 100)}), LATER)
    million = 1_000_000
    cases["a megabyte of acceptance"] = Case.of(plays({"RCPT": b"250 " + b"y" * million + b"\r\n"}), LATER)
    cases["a megabyte of refusal"] = Case.of(plays({"RCPT": b"550 5.1.1 " + b"n" * million + b"\r\n"}), LATER)
    lines = b"550-5.1.1 no\r\n" * (million // 14) + NO_USER
    cases["a megabyte of refusing lines"] = Case.of(plays({"RCPT": lines}), LATER)
    return cases


def damage() -> dict[str, Case]:
    long = b"x" * 10_000
    return {
        "NUL in the banner, accepted": Case.of(plays({GREETING: b"220 mx\0test\r\n"}), OK),
        "NUL in the banner, refused": Case.of(plays({GREETING: b"220 mx\0test\r\n"}), UNKNOWN, users=("missing",)),
        "NUL in the refusal": Case.of(plays({"RCPT": b"550 5.1.1 No such\0 user\r\n"}), UNKNOWN),
        "nothing but NUL": Case.of(plays({GREETING: flood(b"", b"\0" * 4096)}), LATER),
        "a long banner": Case.of(plays({GREETING: b"220 " + long + b"\r\n"}), OK),
        "a long refusal": Case.of(plays({"RCPT": b"550 5.1.1 No such user " + long + b"\r\n"}), UNKNOWN),
        "eight bits and noise": Case.of(plays({"RCPT": b"\xff\xfe\x80\r\n" + NO_USER}), UNKNOWN),
        "a web server": Case.of(plays({GREETING: b"HTTP/1.1 400 Bad Request\r\n\r\n<html>550 5.1.1</html>"}), UNKNOWN),
        "an SSH server": Case.of(plays({GREETING: b"SSH-2.0-OpenSSH_9.2\r\n"}), UNKNOWN),
        "yes and no in one reply": Case.of(plays({"RCPT": b"550-5.1.1 No such user\r\n250 2.1.5 Ok\r\n"}), UNKNOWN),
        "no and yes in one reply": Case.of(plays({"RCPT": b"250-2.1.5 Ok\r\n" + NO_USER}), UNKNOWN),
        "codes that do not exist": Case.of(plays({"RCPT": b"699 5.1.1 No such user\r\n199 Ok\r\n"}), UNKNOWN),
        "a code without an end": Case.of(plays({"RCPT": (b"550 5.1.1 No such user", hang)}), LATER),
        "a code that ends with the goodbye": Case.of(plays({"RCPT": b"550 5.1.1 No such user"}), MISSING),
        "half a code": Case.of(plays({"RCPT": b"55"}), LATER),
    }


def out_of_order() -> dict[str, Case]:
    return {
        "250 for a greeting": Case.of(plays({GREETING: b"250 hi\r\n"}), UNKNOWN),
        "354 for a greeting": Case.of(plays({GREETING: b"354 go on\r\n"}), UNKNOWN),
        "220 to EHLO": Case.of(plays({"EHLO": b"220 hi\r\n"}), UNKNOWN),
        "354 to MAIL": Case.of(plays({"MAIL": b"354 go on\r\n"}), UNKNOWN),
        "354 to RCPT": Case.of(plays({"RCPT": b"354 go on\r\n"}), UNKNOWN),
        "220 to RCPT": Case.of(plays({"RCPT": b"220 2.0.0 hi\r\n"}), UNKNOWN),
        "221 to RCPT": Case.of(plays({"RCPT": b"221 2.0.0 Bye\r\n"}), UNKNOWN),
        "no such user for a greeting": Case.of(plays({GREETING: NO_USER}), OUR_ADDRESS),
        "no such user to EHLO": Case.of(plays({"EHLO": NO_USER, "HELO": NO_USER}), OUR_ADDRESS),
        "no such user to MAIL": Case.of(plays({"MAIL": NO_USER}), POLICY),
        "mailbox full to MAIL": Case.of(plays({"MAIL": b"552 5.2.2 Mailbox full\r\n"}), UNKNOWN),
        "an extra acceptance": Case.of(plays({"RCPT": ACCEPTED * 2}, offer=BARE_OFFER), UNKNOWN),
        "an extra refusal": Case.of(plays({"RCPT": NO_USER * 2}, offer=BARE_OFFER), UNKNOWN),
        "half a reply too many": Case.of(plays({"RCPT": NO_USER + b"25"}, offer=BARE_OFFER), UNKNOWN),
        "extra replies in a group": Case.of(plays({"RCPT": NO_USER * 2}), UNKNOWN, UNKNOWN, users=("a", "b")),
        "an extra answer to MAIL, the others late": Case.of(
            plays({"MAIL": in_two(b"250 2.1.0 Ok\r\n" * 2, 14, 0.0), "RCPT": late(0.05, NO_USER)}),
            UNKNOWN,
            UNKNOWN,
            users=("a", "missing"),
        ),
        "an answer too few": Case.of(plays({"MAIL": late(0.0, b"")}), LATER, LATER, users=("a", "missing")),
        "a hundred extra replies": Case.of(plays({"RCPT": NO_USER * 100}), UNKNOWN),
        "an answer too early, a moment later": Case.of(
            plays({GREETING: in_two(BANNER + b"250 hi\r\n", len(BANNER), 0.1)}), UNKNOWN, users=("missing",)
        ),
        "two answers to EHLO, a moment apart": Case.of(
            plays(
                {
                    "EHLO": in_two(GREETED + OFFER, len(GREETED), 0.1),
                    "MAIL": late(0.1, b"250 2.1.0 Ok\r\n"),
                    "RCPT": late(0.1, NO_USER),
                }
            ),
            UNKNOWN,
            users=("missing",),
        ),
        "two greetings": Case.of(plays({GREETING: in_two(BANNER * 2, len(BANNER), 0.1)}), UNKNOWN),
        "an answer before EHLO": Case.of(plays({GREETING: BANNER + OFFER}), UNKNOWN),
        "all answers before EHLO": Case.of(plays({GREETING: BANNER + OFFER + ACCEPTED * 2 + NO_USER}), UNKNOWN),
        "an answer before MAIL": Case.of(plays({"EHLO": OFFER + b"250 2.1.0 Ok\r\n"}), UNKNOWN),
        "an answer before RCPT": Case.of(plays({"MAIL": b"250 Ok\r\n" + NO_USER}, offer=BARE_OFFER), UNKNOWN),
    }


def slow() -> dict[str, Case]:
    acts = {GREETING: bytewise(BANNER), "EHLO": bytewise(OFFER), "MAIL": bytewise(b"250 2.1.0 Ok\r\n")}
    return {
        "byte by byte": Case.of(plays({**acts}), OK, MISSING, users=TWO),
        "byte by byte, a refusal": Case.of(plays({**acts, "RCPT": bytewise(NO_USER)}), MISSING),
        "a byte now and then": Case.of(plays({GREETING: bytewise(b"220-" + b"x" * 99, pause=1.0)}), LATER),
        "lines now and then": Case.of(plays({GREETING: bytewise(b"220-x\r\n" * 99, pause=0.2)}), LATER),
        "a banner after 35 s": Case.of(plays({GREETING: late(35 / FASTER, BANNER)}), OK, MISSING, users=TWO),
        "a banner after 60 s": Case.of(plays({GREETING: late(60 / FASTER, BANNER)}), LATER),
        "an answer after 30 s": Case.of(plays({"RCPT": late(30 / FASTER, NO_USER)}), MISSING),
        "an answer after 60 s": Case.of(plays({"RCPT": late(60 / FASTER, NO_USER)}), LATER),
    }


def splits() -> dict[str, Case]:
    """Each reply of an honest dialogue, cut at every byte."""
    replies = {GREETING: BANNER, "EHLO": OFFER, "MAIL": b"250 2.1.0 Ok\r\n", "RCPT": NO_USER}
    return {
        f"reply to {verb or 'nothing'} cut at {cut}": Case.of(plays({verb: in_two(reply, cut)}), MISSING, users=TWO[1:])
        for verb, reply in replies.items()
        for cut in range(1, len(reply))
    }


def refusals_of_us() -> dict[str, Case]:
    block_list = b"554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org\r\n"
    cases = at_each_stage("block list", block_list, OUR_ADDRESS, quit_too=False)
    cases |= at_each_stage("421", b"421 4.7.0 Too many connections\r\n", OUR_ADDRESS)
    cases |= at_each_stage("shut-down", b"421 4.3.2 Service shutting down\r\n", LATER, quit_too=False)
    cases |= at_each_stage("451", b"451 4.3.0 Temporary failure\r\n", LATER)
    return cases


def groups() -> dict[str, Case]:
    four = ("a", "b", "c", "d")
    farewell = b"421 4.7.0 Too many errors\r\n" * 4
    return {
        "yes, then no": Case.of(plays({"RCPT": (ACCEPTED, NO_USER)}, offer=OFFER), OK, MISSING, users=("a", "b")),
        "yes, then no, stepwise": Case.of(
            plays({"RCPT": (ACCEPTED, NO_USER)}, offer=BARE_OFFER), OK, MISSING, users=("a", "b")
        ),
        "yes to everybody": Case.of(plays({"RCPT": ACCEPTED}), CATCH_ALL, CATCH_ALL, users=("a", "missing")),
        "421 in mid group": Case.of(plays({"RCPT": (honestly, farewell)}), OK, OK, OK, OK, users=four),
        "421 at once with an answer": Case.of(
            plays({"RCPT": ACCEPTED + farewell}), CATCH_ALL, CATCH_ALL, users=("a", "b")
        ),
        "close in mid group": Case.of(plays({"RCPT": (honestly, close)}), OK, OK, OK, OK, users=four),
        "reset in mid group, stepwise": Case.of(
            plays({"RCPT": (honestly, reset)}, offer=BARE_OFFER), OK, OK, OK, OK, users=four
        ),
        "silence in mid group": Case.of(plays({"RCPT": (honestly, hang)}), OK, OK, users=("a", "b")),
    }


def tls(context: ssl.SSLContext) -> dict[str, Case]:
    demand = until_secure(b"530 5.7.0 Must issue a STARTTLS command first\r\n", b"250 2.1.0 Ok\r\n")

    def demands(starttls: Act, **more: Act) -> Case:
        return Case.of(plays({"MAIL": demand, "STAR": starttls, **more}, offer=TLS_OFFER), LATER)

    async def go_ahead_and_hang(peer: Peer) -> None:
        await peer.say(b"220 Go ahead\r\n")
        await hang(peer)

    async def garbage(peer: Peer) -> None:
        await peer.say(b"220 Go ahead\r\n")
        await peer.reader.read(1)  # a hello begins
        for _ in range(1000):
            await peer.say(b"\x16\x03\x01\xff\xff" * 1000)

    injected = plays({"MAIL": demand, "STAR": b"220 Go ahead\r\n250 2.1.5 Ok\r\n"}, offer=TLS_OFFER)
    return {
        "TLS": Case.of(
            plays({"MAIL": demand, "STAR": secure(context)}, offer=TLS_OFFER), OK, MISSING, users=("jane", "missing")
        ),
        "TLS of garbage": demands(garbage),
        "TLS refused": demands(b"454 4.7.0 TLS not available\r\n"),
        "TLS closed": demands(close),
        "TLS reset": demands(reset),
        "TLS silent": demands(go_ahead_and_hang),
        "TLS with answers before": Case.of(injected, UNKNOWN),
        "TLS demanded, not offered": Case.of(plays({"MAIL": b"530 5.7.0 Must issue STARTTLS\r\n"}), POLICY),
    }


HONEST_VERDICTS = (OK, OK, MISSING, FULL, OK)
HONEST_CASES = {f"honest {n}": Case.of(plays(), *HONEST_VERDICTS, users=HONEST) for n in range(20)}


def all_cases() -> dict[str, Case]:
    parts = (lost_connections(), endless_talk(), damage(), out_of_order(), slow(), splits(), refusals_of_us(), groups())
    cases = dict(HONEST_CASES)
    for part in (*parts, tls(server_context())):
        cases |= part
    return cases
