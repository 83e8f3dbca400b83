"""Your account: who you are here, and how you sign in.  People come to change one thing, or because a mail of ours
frightened them: what can be changed, and where they are signed in, must be seen at one glance.
"""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import User
from accounts.web.browsers import browser_of
from accounts.web.forms import MailsForm, NameForm


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def you(request: HttpRequest) -> HttpResponse:
    """Show a person's own page; POST changes their name."""
    user = request.user
    assert isinstance(user, User)
    form = NameForm(request.POST or None, initial={"name": user.name})
    if request.method == "POST" and form.is_valid():
        user.name = form.cleaned_data["name"]
        user.save(update_fields=["name"])
        messages.success(request, gettext("Your name is saved."))
        return redirect("you")
    kinds = list(Authenticator.objects.filter(user=user).values_list("type", flat=True))
    sessions = UserSession.objects.filter(user=user).order_by("-last_seen_at")[:20]
    context = {
        "form": form,
        "has_app": Authenticator.Type.TOTP in kinds,
        "passkeys": kinds.count(Authenticator.Type.WEBAUTHN),
        "sessions": [(session, browser_of(session.user_agent)) for session in sessions],
        "memberships": user.memberships.select_related("account").order_by("account__name"),
    }
    return render(request, "accounts/you.html", context, status=422 if form.errors else 200)


@require_POST
@login_required
def mails(request: HttpRequest) -> HttpResponse:
    """Change which mails a person gets."""
    user = request.user
    assert isinstance(user, User)
    form = MailsForm(request.POST)
    if form.is_valid():
        user.mail_when_done = form.cleaned_data["mail_when_done"]
        user.save(update_fields=["mail_when_done"])
        messages.success(request, gettext("Your mails are set."))
    return redirect("you")
