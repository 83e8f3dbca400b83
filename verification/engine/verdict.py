"""From evidence to verdict: pure, so that stored evidence can be judged again without asking anybody."""

from __future__ import annotations

from verification.engine.types import (
    Attempt,
    Blame,
    CatchAllState,
    Evidence,
    MailHostsOutcome,
    Meaning,
    Reason,
    Result,
    SyntaxFault,
    Trouble,
    Verdict,
)

UNKNOWN = Verdict(Result.UNVERIFIABLE, Reason.UNKNOWN, Blame.UNKNOWN)
OUR_FAULT = Verdict(Result.UNVERIFIABLE, Reason.UNKNOWN, Blame.OUR_FAULT)
SPAM_TRAP = Verdict(Result.BAD, Reason.POSSIBLE_SPAM_TRAP_DETECTED, Blame.ADDRESS)
DISPOSABLE = Verdict(Result.UNVERIFIABLE, Reason.DOMAIN_IS_WELL_KNOWN_DEA, Blame.THEIR_POLICY)
CATCH_ALL = Verdict(Result.UNVERIFIABLE, Reason.SERVER_IS_CATCH_ALL, Blame.THEIR_POLICY)
NO_ANSWER_WILL_COME = Verdict(Result.UNVERIFIABLE, Reason.NONE, Blame.THEIR_POLICY)


def _bad(reason: Reason) -> Verdict:
    return Verdict(Result.BAD, reason, Blame.ADDRESS)


def _later(blame: Blame) -> Verdict:
    return Verdict(Result.RETRY_LATER, Reason.TRANSIENT_NETWORK_FAULT, blame)


BY_SYNTAX = {
    SyntaxFault.NO_AT_SIGN: _bad(Reason.AT_SIGN_NOT_FOUND),
    SyntaxFault.TOO_MANY_AT_SIGNS: _bad(Reason.TOO_MANY_AT_SIGNS_FOUND),
    SyntaxFault.BAD_LOCAL_PART: _bad(Reason.MAILBOX_DOES_NOT_EXIST),  # no server could hold it
    SyntaxFault.BAD_DOMAIN: _bad(Reason.DOMAIN_IS_INEXISTENT),  # no DNS name at all
}
BY_DNS = {
    MailHostsOutcome.NXDOMAIN: _bad(Reason.DOMAIN_IS_INEXISTENT),
    MailHostsOutcome.NULL_MX: _bad(Reason.NO_MX_SERVERS_FOUND),
    MailHostsOutcome.NO_HOSTS: _bad(Reason.NO_MX_SERVERS_FOUND),
    MailHostsOutcome.NO_USABLE_ADDRESS: _bad(Reason.NO_MX_SERVERS_FOUND),
}
BY_DNS_TROUBLE = {
    MailHostsOutcome.FAILED: _later(Blame.THEIR_OUTAGE),
    MailHostsOutcome.RESOLVER_SILENT: _later(Blame.OUR_NETWORK),
}
NOT_PROBED = {
    "dns_only": Verdict(Result.UNVERIFIABLE, Reason.UNKNOWN, Blame.OUR_NETWORK),
    "do_not_probe": NO_ANSWER_WILL_COME,
}

# What the attempts say together: the first that is found among them decides.  A fact about the recipient comes first,
# then what a later try may change, then what none will; a host that answered comes before one that did not.
BY_ATTEMPT: tuple[tuple[Meaning | Trouble, Verdict], ...] = (
    (Meaning.NO_MAILBOX, _bad(Reason.MAILBOX_DOES_NOT_EXIST)),
    (Meaning.MAILBOX_FULL, _bad(Reason.MAILBOX_FULL)),
    (Meaning.NO_SMTPUTF8, _bad(Reason.SERVER_DOES_NOT_SUPPORT_INTERNATIONAL_MAILBOXES)),
    (Meaning.ACCEPTED, Verdict(Result.OK, Reason.SUCCESS, Blame.NONE)),
    (Meaning.GREYLISTED, Verdict(Result.UNVERIFIABLE, Reason.GREY_LISTING, Blame.THEIR_POLICY)),
    (Meaning.WE_ARE_REFUSED, _later(Blame.OUR_ADDRESS)),
    (Meaning.SERVER_BROKEN, _later(Blame.THEIR_OUTAGE)),
    (Meaning.POLICY, NO_ANSWER_WILL_COME),
    (Trouble.BACKOFF, _later(Blame.OUR_ADDRESS)),
    (Trouble.DEADLINE, _later(Blame.OUR_DEADLINE)),
    (Trouble.TIMEOUT, _later(Blame.THEIR_OUTAGE)),
    (Trouble.RESET, _later(Blame.THEIR_OUTAGE)),
    (Trouble.REFUSED, _later(Blame.THEIR_OUTAGE)),
    (Trouble.TLS, _later(Blame.THEIR_OUTAGE)),
    (Trouble.ENDLESS, _later(Blame.THEIR_OUTAGE)),
    (Trouble.NO_ROUTE, _later(Blame.OUR_NETWORK)),
)


def judge(evidence: Evidence) -> Verdict:
    """Give the verdict that the evidence bears; the same evidence always gives the same one."""
    if evidence.our_fault:
        return OUR_FAULT
    if evidence.syntax_fault:
        return BY_SYNTAX[evidence.syntax_fault]
    if evidence.mail_hosts in BY_DNS:
        return BY_DNS[evidence.mail_hosts]
    if evidence.is_spam_trap:
        return SPAM_TRAP
    if evidence.is_disposable:
        return DISPOSABLE
    if evidence.mail_hosts in BY_DNS_TROUBLE:
        return BY_DNS_TROUBLE[evidence.mail_hosts]
    if evidence.not_probed:
        return NOT_PROBED.get(evidence.not_probed, UNKNOWN)
    return _judge_attempts(evidence)


def _judge_attempts(evidence: Evidence) -> Verdict:
    said = {_said(attempt) for attempt in evidence.attempts}
    verdict = next((verdict for sign, verdict in BY_ATTEMPT if sign in said), UNKNOWN)
    if verdict.result is Result.OK and evidence.catch_all.state is CatchAllState.YES:
        return CATCH_ALL
    return verdict


def _said(attempt: Attempt) -> Meaning | Trouble:
    return attempt.trouble or attempt.meaning
