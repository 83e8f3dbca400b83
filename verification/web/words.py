"""The verdicts in plain words: for people who never read a mail server's reply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from django.utils.translation import gettext_lazy

from verification.engine.types import Blame, CatchAllState, Reason, Result


@dataclass(frozen=True, slots=True)
class Words:
    """A verdict's name, what it means, and what to do about it."""

    title: str
    meaning: str
    advice: str


def _(text: str) -> str:
    """Mark a text for translation, which happens when it is shown."""
    return cast(str, gettext_lazy(text))


RESULTS: dict[Result, str] = {
    Result.OK: _("Good"),
    Result.BAD: _("Bad"),
    Result.RETRY_LATER: _("Try again later"),
    Result.UNVERIFIABLE: _("Cannot be verified"),
}

KEEP = _("Keep it and write to it.")
REMOVE = _("Take it off your list.")

REASONS: dict[Reason, Words] = {
    Reason.SUCCESS: Words(_("Mailbox exists"), _("The mail server accepts mail for this address."), KEEP),
    Reason.AT_SIGN_NOT_FOUND: Words(
        _("No @ in it"), _("An address needs an @ between name and domain."), _("Correct it, or take it off your list.")
    ),
    Reason.TOO_MANY_AT_SIGNS_FOUND: Words(
        _("More than one @"), _("An address has exactly one @."), _("Correct it, or take it off your list.")
    ),
    Reason.DOMAIN_IS_INEXISTENT: Words(
        _("Domain does not exist"),
        _("Nobody owns the part after the @, or it is misspelt."),
        _("Look for a typing error; else take it off your list."),
    ),
    Reason.NO_MX_SERVERS_FOUND: Words(
        _("Domain takes no mail"), _("The domain exists and has no mail server."), REMOVE
    ),
    Reason.MAILBOX_DOES_NOT_EXIST: Words(
        _("No such mailbox"),
        _("The mail server knows nobody of this name."),
        _("Take it off your list: it would bounce."),
    ),
    Reason.MAILBOX_FULL: Words(
        _("Mailbox is full"),
        _("The mailbox takes no more mail, often because nobody reads it."),
        _("Leave it out for now."),
    ),
    Reason.SERVER_DOES_NOT_SUPPORT_INTERNATIONAL_MAILBOXES: Words(
        _("Letters the server cannot take"),
        _("The name has letters beyond a to z, and its mail server does not accept those."),
        _("Ask the person for another address."),
    ),
    Reason.POSSIBLE_SPAM_TRAP_DETECTED: Words(
        _("Possible spam trap"),
        _("The address is on a list of addresses that catch senders without permission."),
        _("Never write to it: it would harm your reputation."),
    ),
    Reason.TRANSIENT_NETWORK_FAULT: Words(
        _("No answer this time"),
        _("The mail server was down, busy or did not want to talk to us just now."),
        _("Check it again in some hours."),
    ),
    Reason.NONE: Words(
        _("Server does not tell"),
        _("The mail server's settings keep it from saying whether the mailbox exists."),
        _("Write to it with care; asking again will not help."),
    ),
    Reason.DOMAIN_IS_WELL_KNOWN_DEA: Words(
        _("Throw-away address"),
        _("The domain hands out addresses that work for minutes only."),
        _("Take it off lists that are meant to last."),
    ),
    Reason.GREY_LISTING: Words(
        _("Asked to come back"),
        _("The mail server turns strangers away at first (greylisting)."),
        _("Check it again in some hours."),
    ),
    Reason.SERVER_IS_CATCH_ALL: Words(
        _("Server accepts everybody"),
        _("The mail server takes mail for any name, so nobody can tell whether this one exists."),
        _("Write to it with care."),
    ),
    Reason.UNKNOWN: Words(
        _("Cause not known"), _("We could not find out, and we do not guess."), _("Check it again later.")
    ),
}

SAID: dict[str, str] = {  # what a line of the conversation comes to, by the engine's names
    "accepted": _("Mail for this address is accepted."),
    "no_mailbox": _("There is no such mailbox."),
    "mailbox_full": _("The mailbox is full."),
    "no_smtputf8": _("The server does not take such letters."),
    "greylisted": _("We are asked to come back later."),
    "we_are_refused": _("The server does not want to talk to us; that says nothing about the address."),
    "policy": _("The server's rules keep the answer from us."),
    "server_broken": _("The server has trouble of its own."),
    "unclear": _("The server's words do not tell yes or no."),
    "refused": _("The connection was refused."),
    "no_route": _("There was no way to the server."),
    "reset": _("The server hung up."),
    "timeout": _("The server did not answer in time."),
    "garbage": _("What came back was no mail server's answer."),
    "endless": _("The answer went on for too long."),
    "tls": _("The encrypted connection failed."),
    "guarded": _("The server's address is an inside one, which is never asked."),
    "deadline": _("Our time for this address ran out."),
    "backoff": _("We leave this provider alone for a while."),
    "found": _("The domain has mail servers."),
    "nxdomain": _("The domain does not exist."),
    "null_mx": _("The domain says that it takes no mail."),
    "no_hosts": _("The domain has no mail server."),
    "no_usable_address": _("None of its mail servers can be reached by anybody."),
    "failed": _("The domain's name servers have trouble."),
    "resolver_silent": _("Our own name server did not answer."),
    "spam_trap": _("It catches senders without permission."),
    "disposable": _("Its addresses work for minutes only."),
    "dns_only": _("Only the domain was looked up."),
    "do_not_probe": _("This mail server is not to be asked."),
    "our_fault": _("That was our fault."),
    "no_at_sign": _("There is no @ in it."),
    "too_many_at_signs": _("There is more than one @ in it."),
    "bad_local_part": _("What stands before the @ cannot be a mailbox."),
    "bad_domain": _("What stands behind the @ cannot be a domain."),
    "catch-all: yes": _("It takes mail for any name."),
    "catch-all: no": _("It refuses names that do not exist, so its yes can be trusted."),
    "catch-all: inconclusive": _("Whether it takes mail for any name could not be told."),
}

BLAMES: dict[Blame, str] = {
    Blame.NONE: "",
    Blame.ADDRESS: _("The address itself"),
    Blame.THEIR_OUTAGE: _("Their mail server has trouble"),
    Blame.THEIR_POLICY: _("Their mail server's rules"),
    Blame.OUR_ADDRESS: _("Our sending address is not welcome there (not charged)"),
    Blame.OUR_NETWORK: _("Our network (not charged)"),
    Blame.OUR_DEADLINE: _("We ran out of time (not charged)"),
    Blame.OUR_FAULT: _("Our own fault (not charged)"),
    Blame.UNKNOWN: _("Not known"),
}

PROVIDERS = {  # where a capital at the front does not make it the name that people know
    "microsoft-365": "Microsoft 365",
    "outlook.com": "Outlook.com",
    "icloud": "iCloud",
    "t-online": "T-Online",
    "gmx": "GMX",
    "yahoo-japan": "Yahoo Japan",
    "qq": "QQ",
    "netease": "NetEase",
    "mail.ru": "Mail.ru",
    "ukr.net": "Ukr.net",
}
CATCH_ALL = {
    CatchAllState.YES.value: _("Yes: this server takes mail for every name, made-up ones too"),
    CatchAllState.NO.value: _("No: this server refuses names that do not exist"),
    CatchAllState.INCONCLUSIVE.value: _("The server did not let us find out"),
}


def provider_name(provider: str) -> str:
    """Give the name of a mail provider as people know it; "" where it is none of those we know."""
    return PROVIDERS.get(provider, provider[:1].upper() + provider[1:])


def provider_of(evidence: dict[str, Any]) -> str:  # Any: JSON
    return provider_name(str(evidence.get("provider") or ""))


def catch_all_of(evidence: dict[str, Any]) -> str:  # Any: JSON
    """Say what the random recipient told of the domain."""
    probed = evidence.get("catch_all")
    return CATCH_ALL.get(probed.get("state", ""), "") if isinstance(probed, dict) else ""


FEATURES: dict[str, str] = {  # toggles and limits of an account, by their names in AccountConfig
    "verification_api": _("Verification API"),
    "job_requests": _("Job requests"),
    "attachments": _("Attachments"),
    "uploads": _("Uploads"),
    "exports": _("Downloads"),
    "webhooks": _("Webhooks"),
    "dkim": _("Senders with DKIM only"),
    "mailbox_probe": _("Asking mail servers"),
    "catch_all_probe": _("Finding servers that accept everybody"),
    "greylist_retry": _("Asking again later"),
    "typo_suggestion": _("Suggestions for typing errors"),
    "result_reuse": _("Using recent results again"),
    "spam_trap_check": _("Spam traps"),
    "disposable_check": _("Throw-away addresses"),
    "antivirus": _("Virus scanner"),
    "forbidden_local_parts": _("Forbidden names"),
    "rows_per_upload": _("Rows of a list"),
    "addresses_per_job": _("Addresses of a job request"),
    "upload_megabytes": _("Megabytes of a list"),
    "deadline_seconds": _("Seconds for an address"),
    "greylist_hours": _("Hours of asking again"),
    "calls_per_minute": _("Calls a minute"),
    "concurrent_calls": _("Calls that wait at once"),
    "license_keys": _("License keys"),
    "retention_days": _("Days that results are kept"),
}
