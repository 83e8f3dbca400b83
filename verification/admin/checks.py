from __future__ import annotations

import json

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin.account_facts import table
from verification.admin.base import ByNumberAdmin, to_job
from verification.domain.dialogue import dialogue_of
from verification.models import Check, CheckResult

MOST_KEPT = 20_000  # characters of evidence that are shown as they are kept


@admin.register(Check)
class CheckAdmin(ByNumberAdmin[Check]):
    list_display = ("id", "address", "verdict_of", "account", "to_job", "position", "classifier", "created_at")
    list_select_related = ("account", "verdict")
    fields = (
        "account",
        "to_job",
        "address",
        "domain",
        "verdict_of",
        "dialogue",
        "classifier",
        "duplicate_of",
        "position",
        "block",
        "block_index",
        "reference",
        "original",
        "created_at",
    )
    readonly_fields = ("to_job", "verdict_of", "dialogue")

    @admin.display(description="verdict")
    def verdict_of(self, check: Check) -> SafeString | str:
        try:
            verdict = check.verdict
        except CheckResult.DoesNotExist:
            return "none yet"
        url = reverse("admin:verification_checkresult_change", args=[verdict.pk])
        return format_html('<a href="{}">{}/{}</a>', url, verdict.result, verdict.reason)

    @admin.display(description="evidence")
    def dialogue(self, check: Check) -> SafeString | str:
        try:
            return evidence_of(check.verdict)
        except CheckResult.DoesNotExist:
            return "none yet"

    @admin.display(description="job")
    def to_job(self, check: Check) -> SafeString | str:
        return to_job(check.job_id)


@admin.register(CheckResult)
class CheckResultAdmin(ByNumberAdmin[CheckResult]):
    list_display = (
        "check_row_id",
        "address",
        "result",
        "reason",
        "blame",
        "final",
        "charged",
        "duration",
        "checked_at",
    )
    list_display_links = ("check_row_id", "address")
    list_select_related = ("check_row",)
    fields = (
        "account",
        "to_check",
        "to_job",
        "result",
        "reason",
        "blame",
        "final",
        "charged",
        "role",
        "free",
        "disposable",
        "mail_server_location",
        "duration",
        "checked_at",
        "readable_evidence",
    )
    readonly_fields = ("to_check", "to_job", "readable_evidence")

    @admin.display
    def address(self, result: CheckResult) -> str:
        return result.check_row.address

    @admin.display(description="check")
    def to_check(self, result: CheckResult) -> SafeString:
        url = reverse("admin:verification_check_change", args=[result.pk])
        return format_html('<a href="{}">{}</a>', url, result.check_row.address)

    @admin.display(description="job")
    def to_job(self, result: CheckResult) -> SafeString | str:
        return to_job(result.job_id)

    @admin.display(description="evidence")
    def readable_evidence(self, result: CheckResult) -> SafeString:
        return evidence_of(result)


def evidence_of(result: CheckResult) -> SafeString:
    """Give the evidence as a table of who said what, and as it is kept."""
    lines = [
        (line.time, line.who, line.said, line.code, line.meaning, line.blame or "–") for line in dialogue_of(result)
    ]
    head = ("Time", "Who spoke", "Line", "Code", "Meaning", "Blame")
    kept = json.dumps(result.evidence, indent=2, ensure_ascii=False)
    more = f"\n… and {len(kept) - MOST_KEPT:,} characters more" if len(kept) > MOST_KEPT else ""
    return format_html(
        '<div class="dialogue">{}</div>'
        '<details><summary>As it is kept</summary><pre class="evidence">{}</pre></details>',
        table(head, lines, "It is of a form that cannot be told as a dialogue."),
        kept[:MOST_KEPT] + more,
    )
