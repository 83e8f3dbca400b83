"""The mail to whoever asked for a big download that it is ready: noted with the file, worded when it goes out."""

from __future__ import annotations

from django.db.models import F
from django.template.defaultfilters import filesizeformat

from accounts.domain import outbox
from accounts.domain.access import Permission, may
from accounts.domain.outbox import Words
from accounts.links import link_to
from verification.models import PreparedFile, PreparedState

READY = "export_ready"


def note_ready(file: PreparedFile) -> None:
    """Have the one who asked told."""
    if file.asked_by is not None:
        outbox.tell(people=[file.asked_by], name=READY, reference=f"export:{file.pk}", export=str(file.pk))


def ready(words: Words) -> Words | None:
    """Say what is ready; None when it is gone, or who asked may not have it any more."""
    found = PreparedFile.objects.filter(
        pk=words["export"], state=PreparedState.READY, job__deleted_at=None, account__memberships__user=F("asked_by")
    ).annotate(role=F("account__memberships__role"))
    file = found.select_related("job", "account").first()
    if file is None or not may(file.role, Permission.EXPORT):
        return None
    return {
        "account": " ".join(file.account.name.split()),
        "job": " ".join(str(file.job).split()),
        "kind": file.get_kind_display(),
        "size": filesizeformat(file.size or 0),
        "until": file.kept_until,
        "link": link_to("job", account=file.account.slug, job_id=file.job_id),
    }
