# ruff: noqa: ARG002  (hooks keep the signatures of Django's admin)
from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import F, IntegerField, OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin.base import ModelForm, StaffAdmin, TabularInline, actor_of
from accounts.admin.places import TeamFormSet, save_places
from accounts.domain import accounts, quota
from accounts.models import Account, Membership, QuotaPeriod, User


class AccountForm(ModelForm[Account]):
    reason = forms.CharField(
        max_length=200, required=False, help_text="Why it changes; kept in the ledger and the audit log."
    )

    class Meta:
        model = Account
        fields = ["name", "slug", "status", "monthly_quota", "reset_day"]


class NewAccountForm(ModelForm[Account]):
    owner = forms.EmailField(label="Owner's e-mail address", help_text="Of a user who is here already.")

    class Meta:
        model = Account
        fields = ["name", "slug", "monthly_quota"]

    def clean_owner(self) -> User:
        owner = User.objects.filter(email=self.cleaned_data["owner"].lower()).first()
        if owner is None:
            raise forms.ValidationError("There is no such user yet. Add the user first.")
        return owner


class GrantForm(forms.Form):
    amount = forms.IntegerField(min_value=1, max_value=1_000_000_000, help_text="Prepaid checks; they do not lapse.")
    reason = forms.CharField(max_length=200, help_text="Kept in the ledger with your name.")


class MembershipInline(TabularInline[Membership, Account]):
    model = Membership
    formset = TeamFormSet
    raw_id_fields = ("user",)
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).select_related("user", "account")


def with_usage(accounts: QuerySet[Account]) -> QuerySet[Account]:
    """Add granted, used and reserved of the present period (None before its first use) and the prepaid credits."""
    period = QuotaPeriod.objects.current().filter(account=OuterRef("pk"))

    def of_period(field: str) -> Subquery:
        return Subquery(period.values(field)[:1], output_field=IntegerField())

    return accounts.annotate(
        period_granted=of_period("granted"),
        period_used=of_period("used"),
        period_reserved=of_period("reserved"),
        credits=F("credit__balance") - F("credit__reserved"),
    )


@admin.register(Account)
class AccountAdmin(StaffAdmin[Account]):
    list_display = ("name", "status", "usage", "used", "set_aside", "left", "prepaid")
    list_filter = ("status",)
    search_fields = ("name", "slug", "memberships__user__email")
    prepopulated_fields = {"slug": ("name",)}
    form = AccountForm
    actions = ("suspend", "resume")
    readonly_fields = ("usage", "used", "set_aside", "left", "prepaid", "created_at", "more")
    fieldsets = (
        (None, {"fields": ("name", "slug", "status", "created_at", "more")}),
        ("Quota", {"fields": ("monthly_quota", "reason", "reset_day")}),
        ("This period", {"fields": ("usage", "used", "set_aside", "left", "prepaid")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        return with_usage(super().get_queryset(request))

    def get_fieldsets(self, request: HttpRequest, obj: Account | None = None) -> Any:  # Any: Django's nested tuples
        if obj is None:
            return ((None, {"fields": ("name", "slug", "owner", "monthly_quota")}),)
        return self.fieldsets

    def get_form(self, request: HttpRequest, obj: Account | None = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change=change, **kwargs | ({} if obj else {"form": NewAccountForm}))

    def get_inlines(self, request: HttpRequest, obj: Account | None) -> Any:  # Any: Django's type
        return [MembershipInline] if obj else []

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:  # Any: made forms
        save_places(request, formset)

    def has_delete_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        return False  # closed, instead: the ledger stays

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

    @admin.display(ordering="period_used")
    def used(self, account: Any) -> str:  # Any: annotated
        return f"{account.period_used or 0:,} of {self._granted(account):,}"

    @admin.display(ordering="period_reserved")
    def set_aside(self, account: Any) -> str:  # Any: annotated
        return f"{account.period_reserved or 0:,}"

    @admin.display
    def left(self, account: Any) -> str:  # Any: annotated
        spoken_for = (account.period_used or 0) + (account.period_reserved or 0)
        return f"{self._granted(account) - spoken_for + (account.credits or 0):,}"

    @admin.display(ordering="credits")
    def prepaid(self, account: Any) -> str:  # Any: annotated
        return f"{account.credits or 0:,}"

    @admin.display(description="see also")
    def more(self, account: Account) -> SafeString:
        def link(page: str) -> str:
            return f"{reverse(f'admin:{page}_changelist')}?account__id__exact={account.pk}"

        return format_html(
            '<a href="{}">Config</a> · <a href="{}">Keys</a> · <a href="{}">Jobs</a> · <a href="{}">Ledger</a>',
            link("accounts_accountconfig"),
            link("accounts_licensekey"),
            link("verification_job"),
            link("accounts_ledgerentry"),
        )

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
        grant = path("<int:pk>/grant/", self.admin_site.admin_view(self.grant), name="accounts_account_grant")
        return [grant, *super().get_urls()]

    def grant(self, request: HttpRequest, pk: int) -> HttpResponse:
        account = Account.objects.filter(pk=pk).first()
        if account is None:
            raise Http404
        if not self.has_change_permission(request, account):
            raise PermissionDenied
        form = GrantForm(request.POST or None)
        if form.is_valid():
            amount, reason = form.cleaned_data["amount"], form.cleaned_data["reason"]
            quota.grant(account=account, amount=amount, actor=actor_of(request), reason=reason)
            self.log_change(request, account, f"Granted {amount:,} checks: {reason}")
            messages.success(request, f"{amount:,} checks granted to {account}.")
            return redirect("admin:accounts_account_change", pk)
        context = self.admin_site.each_context(request) | {
            "title": f"Grant checks to {account}",
            "opts": self.opts,
            "original": account,
            "form": form,
        }
        return TemplateResponse(request, "admin/accounts/account/grant.html", context)
