# ruff: noqa: ARG002  (hooks keep the signatures of Django's admin)
from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.utils import display_for_value
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin.account_facts import newest_grants, newest_keys, with_usage
from accounts.admin.base import StaffAdmin, actor_of
from accounts.admin.config import ConfigInline, save_configs
from accounts.admin.forms import AccountForm, GrantForm, LookForm, NewAccountForm
from accounts.admin.places import PlacesInline, TeamFormSet, save_places
from accounts.domain import accounts, impersonation, quota
from accounts.models import Account, AccountConfig, Membership


class MembershipInline(PlacesInline[Account]):
    formset = TeamFormSet
    other = "user"
    verbose_name_plural = "members"


@admin.register(Account)
class AccountAdmin(StaffAdmin[Account]):
    """Accounts with their usage at a glance; what is done to one goes through the domain and into the audit log."""

    list_display: Any = ("name", "slug", "state", "usage", "used", "left", "prepaid", "last_activity")
    list_filter = ("status",)
    search_fields = ("slug",)
    search_help_text = "The beginning of the name or short name, or a member's whole address."
    sortable_by = ("slug",)  # has an index
    prepopulated_fields = {"slug": ("name",)}
    form = AccountForm
    actions: Any = ("suspend", "resume")
    readonly_fields: ClassVar[Any] = (
        *("usage", "used", "set_aside", "left", "prepaid", "last_activity", "created_at", "more"),
        *("keys", "grants"),
    )
    fieldsets: ClassVar[Any] = (  # Any: of Django's types, as the product adds to these
        (None, {"fields": ("name", "slug", "status", "created_at", "last_activity", "more")}),
        ("This period", {"fields": ("usage", "used", "set_aside", "left", "prepaid")}),
        ("Quota", {"fields": ("monthly_quota", "reset_day", "reason", "grants")}),
        ("Keys", {"fields": ("keys",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        return with_usage(super().get_queryset(request))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Account], search_term: str
    ) -> tuple[QuerySet[Account], bool]:
        term = search_term.strip()[:254]
        if not term or "\0" in term:
            return queryset, False
        theirs = Membership.objects.filter(user__email=term.lower()).values_list("account", flat=True)
        named = Q(slug__startswith=term.lower()) | Q(name__istartswith=term) | Q(pk__in=list(theirs[:1_000]))
        return queryset.filter(named), False

    def get_fieldsets(self, request: HttpRequest, obj: Account | None = None) -> Any:  # Any: Django's nested tuples
        if obj is None:
            return ((None, {"fields": ("name", "slug", "owner", "monthly_quota")}),)
        return self.fieldsets

    def get_form(self, request: HttpRequest, obj: Account | None = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change=change, **kwargs | ({} if obj else {"form": NewAccountForm}))

    def get_inlines(self, request: HttpRequest, obj: Account | None) -> Any:  # Any: Django's type
        return [MembershipInline, ConfigInline] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        return False  # closed, instead: the ledger stays

    def has_impersonate_permission(self, request: HttpRequest) -> bool:
        return impersonation.may_look(actor_of(request))

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:  # Any: either form
        if not change:
            opened = accounts.open_account(
                name=obj.name,
                slug=obj.slug,
                owner=form.cleaned_data["owner"],
                monthly_quota=obj.monthly_quota,
                actor=actor_of(request),
            )
            obj.pk, obj._state.adding = opened.pk, False
            return
        reason = form.cleaned_data["reason"]
        fields = {name: getattr(obj, name) for name in ("name", "slug", "status", "reset_day")}
        accounts.change(account=obj, actor=actor_of(request), reason=reason, **fields)
        if "monthly_quota" in form.changed_data:
            quota.set_monthly(account=obj, amount=obj.monthly_quota, actor=actor_of(request), reason=reason)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:  # Any: made forms
        save = save_configs if formset.model is AccountConfig else save_places
        save(request, formset)

    @admin.display(description="status", ordering="status")
    def state(self, account: Account) -> SafeString:
        return format_html('<span class="state {}">{}</span>', account.status, account.get_status_display())

    @admin.display(description="usage")
    def usage(self, account: Any) -> SafeString:  # Any: annotated
        spoken_for = (account.period_used or 0) + (account.period_reserved or 0)
        return format_html(
            '<progress max="{}" value="{}" title="{} of {}"></progress>',
            max(self._granted(account), 1),
            spoken_for,
            spoken_for,
            self._granted(account),
        )

    @admin.display
    def used(self, account: Any) -> str:  # Any: annotated
        return f"{account.period_used or 0:,} of {self._granted(account):,}"

    @admin.display
    def set_aside(self, account: Any) -> str:  # Any: annotated
        return f"{account.period_reserved or 0:,}"

    @admin.display
    def left(self, account: Any) -> str:  # Any: annotated
        spoken_for = (account.period_used or 0) + (account.period_reserved or 0)
        return f"{self._granted(account) - spoken_for + (account.credits or 0):,}"

    @admin.display
    def prepaid(self, account: Any) -> str:  # Any: annotated
        return f"{account.credits or 0:,}"

    @admin.display
    def last_activity(self, account: Any) -> str:  # Any: annotated
        return display_for_value(account.key_used_at, "–")

    @admin.display(description="see also")
    def more(self, account: Account) -> SafeString:
        def link(page: str) -> str:
            return f"{reverse(f'admin:{page}_changelist')}?account__id__exact={account.pk}"

        return format_html(
            '<a href="{}">Keys</a> · <a href="{}">Jobs</a> · <a href="{}">Ledger</a> · <a href="{}">Reservations</a>'
            ' · <a href="{}">Audit log</a>',
            link("accounts_licensekey"),
            link("verification_job"),
            link("accounts_ledgerentry"),
            link("accounts_reservation"),
            link("accounts_auditentry"),
        )

    @admin.display(description="newest keys")
    def keys(self, account: Account) -> SafeString | str:
        return newest_keys(account)

    @admin.display(description="grants and changes")
    def grants(self, account: Account) -> SafeString | str:
        return newest_grants(account)

    @staticmethod
    def _granted(account: Any) -> int:  # Any: annotated
        granted = account.period_granted
        return int(account.monthly_quota if granted is None else granted)

    @admin.action(description="Suspend: keys and jobs stop", permissions=["change"])
    def suspend(self, request: HttpRequest, chosen: QuerySet[Account]) -> None:
        for account in chosen:
            accounts.suspend(account=account, actor=actor_of(request))
            self.log_change(request, account, "Suspended.")
        messages.success(request, "Suspended.")

    @admin.action(description="Resume suspended accounts", permissions=["change"])
    def resume(self, request: HttpRequest, chosen: QuerySet[Account]) -> None:
        for account in chosen:
            accounts.resume(account=account, actor=actor_of(request))
            self.log_change(request, account, "Resumed.")
        messages.success(request, "Resumed.")

    def get_urls(self) -> list[URLPattern]:
        guarded = self.admin_site.admin_view
        return [
            path("<int:pk>/grant/", guarded(self.grant), name="accounts_account_grant"),
            path("<int:pk>/impersonate/", guarded(self.impersonate), name="accounts_account_impersonate"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        more = {"may_impersonate": self.has_impersonate_permission(request)}
        return super().change_view(request, object_id, form_url, (extra_context or {}) | more)

    def grant(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Give an account prepaid checks."""
        account = self._found(pk)
        if not self.has_change_permission(request, account):
            raise PermissionDenied
        form = GrantForm(request.POST or None)
        if form.is_valid():
            amount, reason = form.cleaned_data["amount"], form.cleaned_data["reason"]
            quota.grant(account=account, amount=amount, actor=actor_of(request), reason=reason)
            self.log_change(request, account, f"Granted {amount:,} checks: {reason}")
            messages.success(request, f"{amount:,} checks granted to {account}.")
            return redirect("admin:accounts_account_change", pk)
        return self._ask(request, account, form, title=f"Grant checks to {account}", button="Grant")

    def impersonate(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Look at the account's pages as one of its people."""
        if not self.has_impersonate_permission(request):
            raise PermissionDenied
        account = self._found(pk)
        form = LookForm(account, request.POST or None)
        if form.is_valid():
            person, reason = form.cleaned_data["person"], form.cleaned_data["reason"]
            look = impersonation.start(
                staff=actor_of(request), account=account, person=person, reason=reason, now=timezone.now()
            )
            request.session[impersonation.SESSION_KEY] = look.noted()
            return redirect("dashboard", account=account.slug)  # the account's first page
        return self._ask(request, account, form, title=f"Look at the pages of {account}", button="Look")

    def _found(self, pk: int) -> Account:
        account = Account.objects.filter(pk=pk).first()
        if account is None:
            raise Http404
        return account

    def _ask(self, request: HttpRequest, account: Account, form: Form, **words: str) -> HttpResponse:
        context = self.admin_site.each_context(request) | {"opts": self.opts, "original": account, "form": form} | words
        return TemplateResponse(request, "admin/accounts/account/ask.html", context)
