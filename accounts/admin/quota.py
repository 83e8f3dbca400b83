from __future__ import annotations

from django.contrib import admin

from accounts.admin.base import ReadOnlyAdmin
from accounts.models import Credit, LedgerEntry, QuotaNotice, QuotaPeriod, Reservation


@admin.register(QuotaPeriod)
class QuotaPeriodAdmin(ReadOnlyAdmin[QuotaPeriod]):
    list_display = ("account", "starts_on", "ends_on", "granted", "used", "reserved", "left")
    list_select_related = ("account",)
    search_fields = ("account__name", "account__slug")


@admin.register(Credit)
class CreditAdmin(ReadOnlyAdmin[Credit]):
    list_display = ("account", "balance", "reserved")
    list_select_related = ("account",)
    search_fields = ("account__name", "account__slug")


@admin.register(QuotaNotice)
class QuotaNoticeAdmin(ReadOnlyAdmin[QuotaNotice]):
    list_display = ("account", "share", "left", "full", "created_at", "sent_at")
    list_select_related = ("account", "period__account")
    search_fields = ("account__name", "account__slug")


@admin.register(Reservation)
class ReservationAdmin(ReadOnlyAdmin[Reservation]):
    list_display = ("reference", "account", "open", "settled", "released", "created_at", "expires_at")
    list_select_related = ("account", "period__account")
    search_fields = ("reference__exact",)
    search_help_text = "By reference."
    # the key by number: it may be gone
    fields = (
        *("account", "reference", "period", "key_id", "from_period", "from_credit", "settled", "released"),
        *("created_at", "expires_at"),
    )
    readonly_fields = ("key_id",)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin[LedgerEntry]):
    list_display = ("reference", "account", "kind", "amount", "note", "actor_id", "created_at")
    list_filter = ("kind",)
    list_select_related = ("account",)
    search_fields = ("reference__exact",)
    search_help_text = "By reference."
    # key and person by number: the ledger outlives them
    fields = ("account", "kind", "amount", "reference", "period", "key_id", "actor_id", "note", "created_at")
    readonly_fields = ("key_id", "actor_id")
