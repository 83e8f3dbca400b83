"""The mail to whoever started a list that it is done: noted as the job ends, worded when it goes out."""

from __future__ import annotations

from django.db.models import F, Sum

from accounts.domain.outbox import Words
from accounts.links import link_to
from verification.engine.types import Result
from verification.models import Job, JobStatus

DONE = "job_done"
NOTE_DONE = f"""
INSERT INTO accounts_outgoingmail (person_id, name, reference, words)
SELECT u.id, '{DONE}', 'job:' || j.id, jsonb_build_object('job', j.id)
FROM verification_job j JOIN accounts_user u ON u.id = j.created_by_id AND u.is_active AND u.mail_when_done
WHERE j.id = %(job_id)s
ON CONFLICT DO NOTHING
"""  # a constant


def done(words: Words) -> Words | None:
    """Say how a job came out; None when it is gone, or its starter has left the account."""
    found = Job.objects.filter(
        pk=words["job"],
        status=JobStatus.FINISHED,
        deleted_at=None,
        created_by__mail_when_done=True,
        account__memberships__user=F("created_by"),
    )
    job = found.select_related("account").first()
    if job is None:
        return None
    verdicts = dict(job.tallies.values_list("result").annotate(Sum("count")))
    return {
        "account": " ".join(job.account.name.split()),
        "job": " ".join(str(job).split()),
        "total": job.total,
        "verdicts": [verdicts.get(result.value, 0) for result in Result],
        "duplicate": job.duplicate,
        "link": link_to("job", account=job.account.slug, job_id=job.pk),
    }
