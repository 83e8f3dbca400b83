"""Features that a job request asks for or does without, within what the account's config allows."""

from __future__ import annotations

from collections.abc import Mapping

from accounts.domain.config import FeatureDisabled
from accounts.models import AccountConfig

FIELDS: dict[str, str] = {  # names of the wire contract, fields of the config
    "antivirus": "antivirus",
    "catchAll": "catch_all_probe",
    "mailboxProbe": "mailbox_probe",
    "greylistRetry": "greylist_retry",
    "typoSuggestion": "typo_suggestion",
    "resultReuse": "result_reuse",
    "spamTrapCheck": "spam_trap_check",
    "disposableCheck": "disposable_check",
}


def switched_off(config: AccountConfig, features: Mapping[str, bool]) -> list[str]:
    """Give the fields of the features that a request does without.

    Raises FeatureDisabled when it asks for one that is off in the config.
    """
    for name, active in features.items():
        if active and not getattr(config, FIELDS[name]):
            raise FeatureDisabled(name)
    return [FIELDS[name] for name, active in features.items() if not active]


class TooManyHours(Exception):
    """Greylisted rows were to be tried for longer than the account's config lets them."""


def greylist_hours(config: AccountConfig, wanted: int | None) -> int:
    """Give how long a job's rows are tried again.  Raises TooManyHours, and FeatureDisabled where they never are."""
    if wanted is None:
        return config.greylist_hours
    if wanted and not config.greylist_retry:
        raise FeatureDisabled("greylistRetry")
    if wanted > config.greylist_hours:
        raise TooManyHours
    return wanted
