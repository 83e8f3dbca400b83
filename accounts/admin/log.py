# ruff: noqa: ARG002  (hooks keep the signatures of Django's admin)
from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.admin.base import ReadOnlyAdmin
from accounts.admin.filters import DateRangeFilter
from accounts.domain.audit import Action
from accounts.models import Account, AuditEntry, User


class ActionFilter(admin.SimpleListFilter):
    title = "action"
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # Any: Django's signature
        return [(action.value, words(action)) for action in sorted(Action)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        return queryset.filter(action=self.value()) if self.value() in set(Action) else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin[AuditEntry]):
    """Who did what, to look at only."""

    list_display = ("at", "actor_label", "what", "to_object", "to_account", "reason")
    list_filter = (("at", DateRangeFilter), ActionFilter)
    search_fields = ("object_id",)
    search_help_text = "The whole of: a person's address, an account's short name, an action, an object's number."
    fields = (
        *("at", "actor_label", "actor_id", "what", "to_object", "to_account", "reason"),
        *("changes", "request_id", "client_address"),
    )
    readonly_fields = ("actor_id", "what", "to_object", "to_account", "changes")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        return super().get_queryset(request).prefetch_related("account")  # a join would leave out none, but cost more

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry], search_term: str
    ) -> tuple[QuerySet[AuditEntry], bool]:
        """Look up people and accounts first, so that each part of the question has an index."""
        term = search_term.strip()[:254]
        if not term or "\0" in term:
            return queryset, False
        people = list(User.objects.filter(email=term.lower()).values_list("pk", flat=True))
        accounts = list(Account.objects.filter(slug=term).values_list("pk", flat=True))
        about = Q(object_type__in=list(object_types()), object_id=term[:64])
        return queryset.filter(Q(actor__in=people) | Q(account__in=accounts) | Q(action=term) | about), False

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist = super().get_changelist_instance(request)
        changelist.title = "Audit log"
        return changelist

    @admin.display(description="action")
    def what(self, entry: AuditEntry) -> str:
        return words(entry.action)

    @admin.display(description="object")
    def to_object(self, entry: AuditEntry) -> SafeString | str:
        if not entry.object_type:
            return "–"
        try:
            url = reverse(f"admin:{entry.object_type.replace('.', '_')}_change", args=[entry.object_id])
        except NoReverseMatch:
            return entry.object_label
        return format_html('<a href="{}">{}</a>', url, entry.object_label or entry.object_id)

    @admin.display(description="account")
    def to_account(self, entry: AuditEntry) -> SafeString | str:
        if entry.account_id is None:
            return "–"
        url = reverse("admin:accounts_account_change", args=[entry.account_id])
        return format_html('<a href="{}">{}</a>', url, entry.account or entry.account_id)

    @admin.display
    def changes(self, entry: AuditEntry) -> SafeString | str:
        before, after = entry.before or {}, entry.after or {}
        names = sorted(before.keys() | after.keys())
        if not names:
            return "–"
        rows = [(name, shown(before, name), shown(after, name)) for name in names]
        return format_html(
            '<table class="facts"><thead><tr><th>What</th><th>Before</th><th>After</th></tr></thead>'
            "<tbody>{}</tbody></table>",
            format_html_join("", "<tr><th>{}</th><td>{}</td><td>{}</td></tr>", rows),
        )


def words(action: str) -> str:
    """Put an action into words."""
    what, _, done = action.partition(".")
    return f"{what} {done}".replace("_", " ").capitalize()


def shown(values: dict[str, Any], name: str) -> str:  # Any: JSON
    if name not in values:
        return "–"
    value = values[name]
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return {True: "yes", False: "no", None: "none"}.get(value, str(value)) if not isinstance(value, str) else value


def object_types() -> list[str]:
    """Name the kinds of things that entries can be about."""
    return [model._meta.label_lower for model in admin.site._registry]


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin[LogEntry]):
    """What staff did in the admin's forms."""

    list_display = ("action_time", "user", "content_type", "object_repr", "__str__")
    list_select_related = ("user", "content_type")
    search_fields = ("user__email__exact",)
    search_help_text = "By the whole address of the person."
