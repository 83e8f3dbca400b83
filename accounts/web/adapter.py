"""What allauth asks of us: who may sign up, how links and mails are made."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from accounts import mails
from accounts.domain import invitations
from accounts.models import Invitation
from accounts.web.invitation_views import SESSION_KEY


def invitation_of(request: HttpRequest) -> Invitation | None:
    """Give the invitation that a visitor came with, while it is open."""
    token = request.session.get(SESSION_KEY)
    if not token:
        return None
    try:
        return invitations.find(token=token, now=timezone.now())
    except invitations.InvitationGone:
        return None


class PortalAdapter(DefaultAccountAdapter):
    """Sign-up by the setting SIGN_UP; links by PUBLIC_URL; mails in our frame."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        if settings.SIGN_UP == "invitation":
            return invitation_of(request) is not None
        return bool(settings.SIGN_UP == "open")

    def get_reset_password_from_key_url(self, key: str) -> str:
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return f"{settings.PUBLIC_URL}{path.replace('UID-KEY', key)}"

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:  # noqa: ARG002
        return f"{settings.PUBLIC_URL}{reverse('account_confirm_email', args=[emailconfirmation.key])}"

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:  # Any: template context
        words = context | {
            "email": email,
            "product_name": settings.PRODUCT_NAME,
            "sign_up_is_open": settings.SIGN_UP == "open",
            "reset_url": f"{settings.PUBLIC_URL}{reverse('account_reset_password')}",
        }
        subject = render_to_string(f"{template_prefix}_subject.txt", words)
        body = render_to_string(f"{template_prefix}_message.txt", words)
        mails.deliver(mails.message(subject, body, email), template_prefix)
