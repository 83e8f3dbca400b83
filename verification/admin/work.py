from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString

from verification.admin.base import ByNumberAdmin, numbers_of, to_job
from verification.models import Batch, Event


@admin.register(Batch)
class BatchAdmin(ByNumberAdmin[Batch]):
    list_display = ("id", "account", "to_job", "size", "due_at", "lease_until", "attempts", "alone", "tries", "flushes")
    list_select_related = ("account",)
    exclude = ("job", "check_ids")
    readonly_fields = ("to_job", "checks")

    @admin.display(description="addresses")
    def size(self, batch: Batch) -> int:
        return len(batch.check_ids)

    @admin.display
    def checks(self, batch: Batch) -> str:
        return numbers_of(batch.check_ids)

    @admin.display(description="job")
    def to_job(self, batch: Batch) -> SafeString | str:
        return to_job(batch.job_id)


@admin.register(Event)
class EventAdmin(ByNumberAdmin[Event]):
    list_display = ("id", "to_job", "type", "sub_type", "first_seq", "last_seq", "created_at")
    exclude = ("job", "check_ids")
    readonly_fields = ("to_job", "checks")

    @admin.display
    def checks(self, event: Event) -> str:
        return numbers_of(event.check_ids)

    @admin.display(description="job")
    def to_job(self, event: Event) -> SafeString | str:
        return to_job(event.job_id)
