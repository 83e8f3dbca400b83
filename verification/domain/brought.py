"""What came with a form: several files at once, each of them once however often it is sent."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db.models import Count, Q, QuerySet, Sum

from accounts.models import Account
from verification.models import Upload

MOST_FILES = 20
MOST_SHOWN = 100  # that wait to be started
MEGABYTE = 1_000_000
NOT_DELETED = Q(job=None) | Q(job__deleted_at=None)
TOO_MANY = f"{MOST_FILES} files can be sent at once. Send this one with a new form."
TOO_BIG = "The files are larger than {megabytes:,} MB together, which is the limit. Send this one with a new form."


class TooMuch(Exception):
    """More than a form may bring; the words are for its people."""


def earlier(upload: Upload) -> Upload | None:
    """Give the list that the same file became when its form was sent before."""
    if upload.form is None:
        return None
    same = Upload.objects.filter(account=upload.account, form=upload.form, digest=upload.digest)
    return same.filter(NOT_DELETED).first()


def check_room(upload: Upload) -> None:
    """Bound how many files come with a form, and their size together.  Raises TooMuch."""
    if upload.form is None:
        return
    before = Upload.objects.filter(account=upload.account, form=upload.form).aggregate(n=Count("pk"), size=Sum("size"))
    if before["n"] >= MOST_FILES:
        raise TooMuch(TOO_MANY)
    if (before["size"] or 0) + upload.size > settings.UPLOAD_TOTAL_MEGABYTES * MEGABYTE:
        raise TooMuch(TOO_BIG.format(megabytes=settings.UPLOAD_TOTAL_MEGABYTES))


def with_form(account: Account, form: UUID) -> list[Upload]:
    """Give what came with a form, in the order in which it came."""
    return list(shown(account).filter(form=form).order_by("created_at", "filename"))


def waiting(account: Account) -> list[Upload]:
    """Give the lists that were not started yet, newest first."""
    return list(shown(account).filter(job=None).order_by("-created_at", "filename")[:MOST_SHOWN])


def count_waiting(account: Account) -> int:
    return Upload.objects.filter(account=account, job=None).count()


def count_together(upload: Upload) -> int:
    """Give how many files came with the form of this one."""
    return Upload.objects.filter(account=upload.account_id, form=upload.form).count() if upload.form else 1


def shown(account: Account) -> QuerySet[Upload]:
    return Upload.objects.filter(NOT_DELETED, account=account).select_related("created_by", "job").defer("sample")
