"""An invitation, opened from the mail.  Whoever comes wants to get in, and may never have been here."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from accounts.domain import invitations
from accounts.domain.invitations import InvitationGone
from accounts.domain.team import TeamRefused
from accounts.models import User

SESSION_KEY = "invitation"  # the token, while its holder signs up


@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show an invitation; POST accepts it, or goes on to sign up."""
    try:
        found = invitations.find(token=token, now=timezone.now())
        if request.method == "POST":
            if not isinstance(request.user, User):
                request.session[SESSION_KEY] = token
                return redirect("account_signup")
            membership = invitations.accept(invitation=found, user=request.user, now=timezone.now())
            messages.success(request, gettext("You are in: welcome to %(account)s.") % {"account": membership.account})
            return redirect("dashboard", account=membership.account.slug)
    except InvitationGone:
        return show(request, {"gone": True}, status=404)
    except TeamRefused as refusal:
        return show(request, {"invitation": found, "refusal": str(refusal)}, status=422)
    context: dict[str, Any] = {"invitation": found}
    if isinstance(request.user, User):
        context["is_mine"] = invitations.has_confirmed(request.user, found.email)
    else:
        context["is_known"] = User.objects.filter(email=found.email).exists()
    return show(request, context)


def show(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    return render(request, "accounts/invitation.html", context, status=status)
