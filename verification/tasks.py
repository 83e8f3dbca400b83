"""What django-q2 calls.  The queue rings a bell; rows decide.  Every task may run any number of times."""

from __future__ import annotations

from accounts.domain import outbox, quota_notices
from verification.domain import bells, doctor, drain, export_mails, intake, job_mails, prepared, sending


def run_drain(**_: object) -> None:
    """Work off due batches."""
    if drain.run_drain():
        bells.ring()


def read_list(job_id: str, **_: object) -> None:
    """Make an uploaded list's rows checks."""
    intake.read_list(job_id=job_id)


def tell_of_quota(**_: object) -> None:
    """Send notices that little is left."""
    quota_notices.send_due()


def send_mail(**_: object) -> None:
    """Send mails that are due."""
    outbox.send_due({job_mails.DONE: job_mails.done, export_mails.READY: export_mails.ready})


def examine(**_: object) -> None:
    """Look at what probing needs on this machine."""
    doctor.store(doctor.examine())


def check_domains(**_: object) -> None:
    """Look at the DNS of sending domains that are due."""
    sending.check_due()


def prepare_exports(**_: object) -> None:
    """Prepare downloads that were asked for."""
    prepared.prepare_due()
