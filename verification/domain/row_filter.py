"""Which rows of a job are meant: the same for its page, its downloads, and what is checked again."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum

from django.db.models import Q

from verification.engine.types import Blame, Reason, Result
from verification.models import Classifier

OTHER_PROVIDERS = "other"


class RowFilter(StrEnum):
    """Which kind of rows."""

    ALL = "all"
    OK = "Ok"
    BAD = "Bad"
    RETRY_LATER = "RetryLater"
    UNVERIFIABLE = "Unverifiable"
    RISKY = "risky"  # mail may arrive, and nobody can promise it
    UNDECIDED = "undecided"  # neither good nor bad, those that are risky too
    WAITING = "waiting"
    REFUSED = "refused"
    DUPLICATE = "duplicate"


VERDICTS = {RowFilter(result.value): result for result in Result}
RISKY_REASONS = [Reason.SERVER_IS_CATCH_ALL, Reason.DOMAIN_IS_WELL_KNOWN_DEA, Reason.NONE]
OF_CHECKS = {
    RowFilter.WAITING: Q(classifier=Classifier.TAKEN) & (Q(verdict=None) | Q(verdict__final=False)),
    RowFilter.REFUSED: ~Q(classifier__in=[Classifier.TAKEN, Classifier.DUPLICATE]),
    RowFilter.DUPLICATE: Q(classifier=Classifier.DUPLICATE),
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """A kind of rows, and what narrows it; `text`: how the address or its domain begins.

    Rows that are chosen by a verdict are those that have one of their own, so that each mailbox is among them once.
    """

    kind: RowFilter = RowFilter.ALL
    reason: Reason | None = None
    blame: Blame | None = None
    provider: str = ""
    text: str = ""

    def as_dict(self) -> dict[str, str]:
        """Give what is chosen as JSON keeps it."""
        return {name: str(value) for name, value in asdict(self).items() if value}

    @classmethod
    def from_dict(cls, kept: dict[str, str]) -> Chosen:
        """Read what `as_dict` gave."""
        reason, blame = kept.get("reason"), kept.get("blame")
        return cls(
            kind=RowFilter(kept["kind"]),
            reason=Reason(reason) if reason else None,
            blame=Blame(blame) if blame else None,
            provider=kept.get("provider", ""),
            text=kept.get("text", ""),
        )

    @property
    def result(self) -> Result | None:
        """The one result that all these rows have, None where there are several."""
        return Result.UNVERIFIABLE if self.kind is RowFilter.RISKY else VERDICTS.get(self.kind)

    @property
    def is_narrowed(self) -> bool:
        return bool(self.reason or self.blame or self.provider or self.text)

    def of_checks(self) -> Q:
        """Give the condition on checks."""
        chosen = OF_CHECKS.get(self.kind, Q()) & self._by_text("") & self._by_verdict("verdict__")
        return chosen if self.result is None else chosen & Q(verdict__result=self.result)

    def of_results(self) -> Q:
        """Give the condition on results that have `result`."""
        return self._by_text("check_row__") & self._by_verdict("")

    def _by_verdict(self, to: str) -> Q:
        chosen = Q()
        if self.kind is RowFilter.UNDECIDED:
            chosen &= Q(**{f"{to}result__in": [Result.RETRY_LATER, Result.UNVERIFIABLE]})
        if self.kind is RowFilter.RISKY:
            chosen &= Q(**{f"{to}reason__in": RISKY_REASONS})
        if self.reason:
            chosen &= Q(**{f"{to}reason": self.reason})
        if self.blame:
            chosen &= Q(**{f"{to}blame": self.blame})
        if self.provider == OTHER_PROVIDERS:
            chosen &= Q(**{f"{to}result__in": list(Result)}) & ~Q(**{f"{to}evidence__has_key": "provider"})
        elif self.provider:
            chosen &= Q(**{f"{to}evidence__provider": self.provider})
        return chosen

    def _by_text(self, to: str) -> Q:
        if not self.text:
            return Q()
        of_domain = Q(**{f"{to}domain__startswith": self.text.lower().removeprefix("@")})
        return of_domain if self.text.startswith("@") else of_domain | Q(**{f"{to}address__istartswith": self.text})


EVERYTHING = Chosen()
