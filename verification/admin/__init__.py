"""The staff's view of jobs, checks and what was found out: to look at only.

Organisations that run mail hosts can be held back and released.
"""

from verification.admin import (
    accounts,
    checks,
    do_not_probe,
    erasures,
    findings,
    jobs,
    known,
    organisations,
    prepared,
    sending,
    suppression,
    tasks,
    webhooks,
    work,
)

__all__ = [
    "accounts",
    "checks",
    "do_not_probe",
    "erasures",
    "findings",
    "jobs",
    "known",
    "organisations",
    "prepared",
    "sending",
    "suppression",
    "tasks",
    "webhooks",
    "work",
]
