"""One address on its way through the engine."""

from __future__ import annotations

from dataclasses import dataclass, field

from verification.engine.config import ProbeOptions
from verification.engine.resolver import Budget
from verification.engine.smtp.catch_all import NOT_TESTED
from verification.engine.smtp.line import Line
from verification.engine.smtp.queue import Inquiry
from verification.engine.types import Address, Attempt, CatchAll, Evidence, MailHostsOutcome


@dataclass(slots=True)
class Case:
    """What has been learned of one address so far; complete at any moment, for the deadline may strike at any."""

    address: Address
    options: ProbeOptions
    budget: Budget = field(default_factory=Budget)
    role: bool = False
    free: bool = False
    disposable: bool = False
    is_spam_trap: bool = False
    outcome: MailHostsOutcome | None = None
    detail: str = ""
    not_probed: str = ""
    provider: str = ""
    our_fault: str = ""
    former_source: str = ""
    catch_all: CatchAll = NOT_TESTED
    attempts: list[Attempt] = field(default_factory=list)
    line: Line | None = None  # where it stands
    inquiry: Inquiry | None = None

    def evidence(self) -> Evidence:
        return Evidence(
            syntax_fault=self.address.fault,
            syntax_detail=self.address.fault_detail,
            mail_hosts=self.outcome,
            mail_hosts_detail=self.detail,
            is_spam_trap=self.is_spam_trap,
            is_disposable=self.disposable and self.options.disposable_check,
            not_probed=self.not_probed,
            provider=self.provider,
            catch_all=self.catch_all,
            attempts=tuple(self.attempts),
            our_fault=self.our_fault,
            former_source=self.former_source,
        )

    def note_deadline(self) -> None:
        """Note where the time ran out."""
        if self.line is not None and self.inquiry is not None:
            self.attempts.append(self.line.blame(self.inquiry))
        elif not self.attempts:
            self.outcome, self.detail = MailHostsOutcome.FAILED, "no answer from the DNS in time"
