"""The staff's admin site."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils import timezone

from accounts.models import User
from portal import impersonation, queue_page, start_page

NEEDS_FACTOR = "Staff pages open once you have a second step: an authenticator app or a passkey."


def has_needed_factor(request: HttpRequest) -> bool:
    """Tell whether a member of staff has the second factor that the settings ask for."""
    assert isinstance(request.user, User)
    kinds = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
    return not settings.STAFF_SECOND_FACTOR or is_mfa_enabled(request.user, kinds)


class StaffSite(admin.AdminSite):
    """Django's admin under the product's name; signing in is the portal's, with its limits and second factor."""

    site_header = site_title = f"{settings.PRODUCT_NAME} staff"
    index_title = "Staff"
    site_url = "/"

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) and has_needed_factor(request)

    def get_urls(self) -> list[URLResolver | URLPattern]:
        return [
            path("impersonation/end/", self.admin_view(impersonation.end), name="end_impersonation"),
            path("queue/", self.admin_view(queue_page.queue), name="queue"),
            path("queue/release/", self.admin_view(queue_page.release), name="queue_release"),
            *super().get_urls(),
        ]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        shown = start_page.context(request, now=timezone.now())
        return super().index(request, {**(extra_context or {}), **shown})

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # noqa: ARG002
        if self.has_permission(request):
            return redirect("admin:index")
        if super().has_permission(request):
            messages.warning(request, NEEDS_FACTOR)
            return redirect("mfa_index")
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(request.GET.get("next") or reverse("admin:index"))

    def password_change(  # type: ignore[override]  # elsewhere
        self,
        request: HttpRequest,  # noqa: ARG002
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponseRedirect:
        return redirect("account_change_password")
