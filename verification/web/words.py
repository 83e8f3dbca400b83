"""The verdicts in plain words: for people who never read a mail server's reply."""

from __future__ import annotations

from dataclasses import dataclass

from verification.engine.types import Blame, Reason, Result


@dataclass(frozen=True, slots=True)
class Words:
    """A verdict's name, what it means, and what to do about it."""

    title: str
    meaning: str
    advice: str


RESULTS: dict[Result, str] = {
    Result.OK: "Good",
    Result.BAD: "Bad",
    Result.RETRY_LATER: "Try again later",
    Result.UNVERIFIABLE: "Cannot be verified",
}

KEEP = "Keep it and write to it."
REMOVE = "Take it off your list."

REASONS: dict[Reason, Words] = {
    Reason.SUCCESS: Words("Mailbox exists", "The mail server accepts mail for this address.", KEEP),
    Reason.AT_SIGN_NOT_FOUND: Words(
        "No @ in it", "An address needs an @ between name and domain.", "Correct it, or take it off your list."
    ),
    Reason.TOO_MANY_AT_SIGNS_FOUND: Words(
        "More than one @", "An address has exactly one @.", "Correct it, or take it off your list."
    ),
    Reason.DOMAIN_IS_INEXISTENT: Words(
        "Domain does not exist",
        "Nobody owns the part after the @, or it is misspelt.",
        "Look for a typing error; else take it off your list.",
    ),
    Reason.NO_MX_SERVERS_FOUND: Words("Domain takes no mail", "The domain exists and has no mail server.", REMOVE),
    Reason.MAILBOX_DOES_NOT_EXIST: Words(
        "No such mailbox", "The mail server knows nobody of this name.", "Take it off your list: it would bounce."
    ),
    Reason.MAILBOX_FULL: Words(
        "Mailbox is full", "The mailbox takes no more mail, often because nobody reads it.", "Leave it out for now."
    ),
    Reason.SERVER_DOES_NOT_SUPPORT_INTERNATIONAL_MAILBOXES: Words(
        "Letters the server cannot take",
        "The name has letters beyond a to z, and its mail server does not accept those.",
        "Ask the person for another address.",
    ),
    Reason.POSSIBLE_SPAM_TRAP_DETECTED: Words(
        "Possible spam trap",
        "The address is on a list of addresses that catch senders without permission.",
        "Never write to it: it would harm your reputation.",
    ),
    Reason.TRANSIENT_NETWORK_FAULT: Words(
        "No answer this time",
        "The mail server was down, busy or did not want to talk to us just now.",
        "Check it again in some hours.",
    ),
    Reason.NONE: Words(
        "Server does not tell",
        "The mail server's settings keep it from saying whether the mailbox exists.",
        "Write to it with care; asking again will not help.",
    ),
    Reason.DOMAIN_IS_WELL_KNOWN_DEA: Words(
        "Throw-away address",
        "The domain hands out addresses that work for minutes only.",
        "Take it off lists that are meant to last.",
    ),
    Reason.GREY_LISTING: Words(
        "Asked to come back",
        "The mail server turns strangers away at first (greylisting).",
        "Check it again in some hours.",
    ),
    Reason.SERVER_IS_CATCH_ALL: Words(
        "Server accepts everybody",
        "The mail server takes mail for any name, so nobody can tell whether this one exists.",
        "Write to it with care.",
    ),
    Reason.UNKNOWN: Words("Cause not known", "We could not find out, and we do not guess.", "Check it again later."),
}

BLAMES: dict[Blame, str] = {
    Blame.NONE: "",
    Blame.ADDRESS: "The address itself",
    Blame.THEIR_OUTAGE: "Their mail server has trouble",
    Blame.THEIR_POLICY: "Their mail server's rules",
    Blame.OUR_ADDRESS: "Our sending address is not welcome there (not charged)",
    Blame.OUR_NETWORK: "Our network (not charged)",
    Blame.OUR_DEADLINE: "We ran out of time (not charged)",
    Blame.OUR_FAULT: "Our own fault (not charged)",
    Blame.UNKNOWN: "Not known",
}
