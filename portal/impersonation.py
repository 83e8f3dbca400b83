"""Staff who look at a customer's pages: swapped in for the pages of that one account, to see only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.domain import impersonation
from accounts.domain.impersonation import SESSION_KEY, Look, Over
from accounts.models import User

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
Handler = Callable[[HttpRequest], HttpResponse]


class ImpersonationMiddleware:
    """Only below /a/<the account>/ the person is `request.user`: their sign-in and security pages stay their own.

    Whatever would change something is refused, on every page, and so is every download.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        found = look_of(request)
        if isinstance(found, Over):
            messages.info(request, f"You no longer look at the customer's pages. {found.why}")
            if request.path.startswith("/a/"):
                return redirect("admin:accounts_account_change", found.account_id)
        if not isinstance(found, Look):
            return self.get_response(request)
        request.impersonation = found  # type: ignore[attr-defined]  # for templates and process_view
        if request.method not in SAFE and request.path not in (
            reverse("admin:end_impersonation"),
            reverse("account_logout"),
        ):
            return refused(request)
        response = self.get_response(request)
        if response.get("Content-Disposition", "").startswith("attachment"):
            return refused(request)  # nothing of it has been read; to close it would end this request's connection
        return response

    def process_view(self, request: HttpRequest, _view: Any, _args: Any, kwargs: Any) -> None:  # Any: Django's
        look = getattr(request, "impersonation", None)
        if look is not None and request.path.startswith("/a/") and kwargs.get("account") == look.account.slug:
            request.user = look.person


def look_of(request: HttpRequest) -> Look | Over | None:
    """Give what the session notes; for all but staff who look that is None, at no cost."""
    if settings.SESSION_COOKIE_NAME not in request.COOKIES or SESSION_KEY not in request.session:
        return None
    noted = request.session[SESSION_KEY]
    if not isinstance(request.user, User):
        del request.session[SESSION_KEY]
        return None
    found = impersonation.find(noted=noted, staff=request.user, now=timezone.now())
    if isinstance(found, Over):
        del request.session[SESSION_KEY]
    return found


def refused(request: HttpRequest) -> HttpResponse:
    return render(request, "portal/view_only.html", status=403)


@require_POST
def end(request: HttpRequest) -> HttpResponseRedirect:
    """Stop looking, and go back to the account's page in the admin."""
    look = getattr(request, "impersonation", None)
    if look is None:
        return redirect("home")
    impersonation.end(look=look, why="Ended by hand.")
    del request.session[SESSION_KEY]
    messages.info(request, f"You no longer look at the pages of {look.account}.")
    return redirect("admin:accounts_account_change", look.account.pk)
