"""The shape of edition 3, for existing integrations: docs/api/v3.md."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any, NamedTuple

from verification.api.job_answers import timestamp
from verification.domain import later
from verification.domain.quota_report import QuotaReport
from verification.domain.reuse import SHORT_LIVED_SECONDS
from verification.engine.syntax import parse
from verification.engine.types import Answer, Evidence, MailHostsOutcome, Reason, Result

FRESH_SECONDS = 7_200


class Trust(NamedTuple):
    """What a pair is worth: score from 0 to 10, level, whether to send, whether to let it sign up."""

    score: float
    level: str
    send: str
    action: str = "Allow"


BAD = Trust(0, "Low", "DoNotSend")
RISKY = Trust(5, "Medium", "RiskyToSend")
NOT_KNOWN = Trust(0, "None", "None")
TRUST: dict[tuple[Result, Reason], Trust] = {
    (Result.OK, Reason.SUCCESS): Trust(10, "High", "SafeToSend"),
    (Result.BAD, Reason.AT_SIGN_NOT_FOUND): BAD,
    (Result.BAD, Reason.TOO_MANY_AT_SIGNS_FOUND): BAD,
    (Result.BAD, Reason.DOMAIN_IS_INEXISTENT): BAD,
    (Result.BAD, Reason.NO_MX_SERVERS_FOUND): BAD,
    (Result.BAD, Reason.MAILBOX_DOES_NOT_EXIST): BAD,
    (Result.BAD, Reason.MAILBOX_FULL): Trust(2, "Low", "DoNotSend"),
    (Result.BAD, Reason.SERVER_DOES_NOT_SUPPORT_INTERNATIONAL_MAILBOXES): BAD,
    (Result.BAD, Reason.POSSIBLE_SPAM_TRAP_DETECTED): Trust(0, "Low", "DoNotSend", "Block"),
    (Result.RETRY_LATER, Reason.TRANSIENT_NETWORK_FAULT): NOT_KNOWN,
    (Result.UNVERIFIABLE, Reason.NONE): RISKY,
    (Result.UNVERIFIABLE, Reason.DOMAIN_IS_WELL_KNOWN_DEA): Trust(1, "Low", "DoNotSend", "Block"),
    (Result.UNVERIFIABLE, Reason.GREY_LISTING): RISKY,
    (Result.UNVERIFIABLE, Reason.SERVER_IS_CATCH_ALL): RISKY,
    (Result.UNVERIFIABLE, Reason.UNKNOWN): NOT_KNOWN,
}
HAS_DNS_RECORD = frozenset(MailHostsOutcome) - {
    MailHostsOutcome.NXDOMAIN,
    MailHostsOutcome.FAILED,
    MailHostsOutcome.RESOLVER_SILENT,
}
HAS_MX_RECORDS = frozenset((MailHostsOutcome.FOUND, MailHostsOutcome.NO_USABLE_ADDRESS))


def document(answer: Answer, *, checked_at: datetime) -> dict[str, Any]:  # Any: JSON
    verdict, evidence = answer.verdict, answer.evidence
    trust = TRUST[verdict.result, verdict.reason]
    seconds = SHORT_LIVED_SECONDS if later.may_change(verdict) else FRESH_SECONDS
    return {
        "meta": {
            "email": answer.email,
            "domain": answer.domain,
            "user": answer.user,
            "tld": parse(answer.email).ascii_domain.rpartition(".")[2],
            "lastModified": format_datetime(checked_at, usegmt=True),
            "expires": format_datetime(checked_at + timedelta(seconds=seconds), usegmt=True),
        },
        "disposition": {"isRole": answer.role, "isFreeMail": answer.free},
        "emailVerification": {
            "syntaxVerification": {
                "isSyntaxValid": evidence.syntax_fault is None,
                "reason": verdict.reason.value if evidence.syntax_fault else Reason.SUCCESS.value,
            },
            "dnsVerification": dns(evidence),
            "mailboxVerification": {"result": verdict.result.value, "reason": verdict.reason.value},
        },
        "infrastructure": {"mail": {"mailServerLocation": answer.mail_server_location}},
        "sendAssess": {"sendRecommendation": trust.send},
        "spamAssess": {
            "isDisposableEmailAddress": answer.disposable,
            "actionRecomendation": "Block" if answer.disposable else trust.action,
        },
        "hippoTrust": {"score": trust.score, "level": trust.level},
    }


def dns(evidence: Evidence) -> dict[str, bool]:
    """Say what DNS showed; an address record that stands in for a mail host counts as one (RFC 5321 section 5.1)."""
    return {
        "isDomainHasDnsRecord": evidence.mail_hosts in HAS_DNS_RECORD,
        "isDomainHasMxRecords": evidence.mail_hosts in HAS_MX_RECORDS,
    }


def quota_document(report: QuotaReport, *, secret: str, now: datetime) -> dict[str, Any]:  # Any: JSON
    return {
        "licenseKey": secret,
        "accountId": report.caller.account_id,
        "quotaUsed": report.used,
        "quotaRemaining": report.caller.standing.quota_left,
        "nextQuotaResetDate": timestamp(report.resets_at),
        "reportedDate": timestamp(now),
        "errorSummary": "Valid",
    }
