from __future__ import annotations

from django.contrib import admin

from accounts.admin.base import ReadOnlyAdmin
from accounts.models import OutgoingMail


@admin.register(OutgoingMail)
class OutgoingMailAdmin(ReadOnlyAdmin[OutgoingMail]):
    """What waits for the mail server, and what went to it in the last days; `tries` tells what does not get out."""

    list_display = ("name", "person", "reference", "created_at", "due_at", "tries", "sent_at")
    list_filter = (("sent_at", admin.EmptyFieldListFilter), "name")
    list_select_related = ("person",)
    search_fields = ("person__email__exact", "reference__exact")
    search_help_text = "By a person's address, or a reference."
