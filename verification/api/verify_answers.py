"""How a single verdict is shown with all that it rests on: docs/api/native.md."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from verification.api.job_answers import timestamp
from verification.domain import later
from verification.domain.live import LiveOutcome
from verification.engine.types import Attempt, CatchAll, CatchAllState, Evidence


def document(outcome: LiveOutcome, *, now: datetime) -> dict[str, Any]:  # Any: JSON
    """Show an outcome; texts that are not known are null."""
    answer, verdict = outcome.answer, outcome.answer.verdict
    evidence = answer.evidence
    return {
        "result": verdict.result.value,
        "reason": verdict.reason.value,
        "blame": verdict.blame.value,
        "email": answer.email,
        "user": answer.user,
        "domain": answer.domain,
        "normalized": answer.normalized or None,
        "didYouMean": answer.did_you_mean or None,
        "role": answer.role,
        "free": answer.free,
        "disposable": answer.disposable,
        "provider": evidence.provider or None,
        "mailServerLocation": answer.mail_server_location,
        "catchAll": catch_all(evidence.catch_all),
        "final": not later.may_change(verdict),
        "charged": outcome.charged,
        "reused": outcome.reused,
        "checkedTs": timestamp(outcome.checked_at or now),
        "duration": answer.duration,
        "evidence": shown_evidence(evidence),
    }


def catch_all(probe: CatchAll) -> dict[str, Any]:  # Any: JSON
    """Show what the random recipient told, and when."""
    tested = probe.state != CatchAllState.NOT_TESTED
    probed_at = datetime.fromtimestamp(probe.probed_at, UTC) if tested and probe.probed_at else None
    return {"state": probe.state.value, "probedTs": timestamp(probed_at), "host": probe.host or None}


def shown_evidence(evidence: Evidence) -> dict[str, Any]:  # Any: JSON
    return {
        "syntaxFault": evidence.syntax_fault.value if evidence.syntax_fault else None,
        "syntaxDetail": evidence.syntax_detail or None,
        "mailHosts": evidence.mail_hosts.value if evidence.mail_hosts else None,
        "mailHostsDetail": evidence.mail_hosts_detail or None,
        "spamTrap": evidence.is_spam_trap,
        "notProbed": evidence.not_probed or None,
        "ourFault": evidence.our_fault or None,
        "attempts": [attempt(one) for one in evidence.attempts],
    }


def attempt(one: Attempt) -> dict[str, Any]:  # Any: JSON
    return {
        "stage": one.stage.value,
        "host": one.host or None,
        "address": one.address or None,
        "source": one.source or None,
        "code": one.code or None,
        "enhancedCode": one.enhanced or None,
        "text": one.text or None,
        "trouble": one.trouble.value or None,
        "meaning": one.meaning.value,
        "milliseconds": one.milliseconds,
        "tls": one.tls or None,
    }
