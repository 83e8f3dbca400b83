"""What allauth asks of us: who may sign up, how links and mails are made."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.internal.ratelimit import RateLimitUsage, truncate_ip
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from accounts import mails
from accounts.domain import guesses, invitations
from accounts.models import Invitation
from accounts.web.devices import device_of
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


ASKED_BY_ANYBODY = {
    f"account/email/{name}"
    for name in ("password_reset_key", "unknown_account", "account_already_exists", "email_confirmation_signup")
}


class RightGuess(RateLimitUsage):
    """The use of our limits, as allauth knows the use of its own."""

    def __init__(self, taken: guesses.Taken) -> None:
        super().__init__(usage=[])
        self.taken = taken

    def rollback(self) -> None:
        guesses.give_back(self.taken)


def has_room_for_mail(email: str) -> bool:
    """Tell whether an address may be sent one more mail that anybody can ask for; those before it still work."""
    try:
        guesses.take_mail(email=email)
    except guesses.TooManyGuesses:
        return False
    return True


class PortalAdapter(DefaultAccountAdapter):
    """Sign-up by the setting SIGN_UP; links by PUBLIC_URL; mails in our frame."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "too_many_login_attempts": "Too many tries. Wait some minutes, or choose a new password by mail, "
        "which lets you in at once.",
        "email_password_mismatch": "The address or the password is not right.",
    }

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:  # Any: allauth's signature
        """Count a try before the password is looked at."""
        email = str(credentials.get("email", ""))
        try:
            taken = guesses.take(
                client=truncate_ip(self.get_client_ip(request)), email=email, device=device_of(request, email)
            )
        except guesses.TooManyGuesses:
            raise self.validation_error(gettext("too_many_login_attempts")) from None
        self._login_failed_rl_usage = RightGuess(taken)  # allauth rolls it back when the password is right

    def _delete_login_attempts_cached_email(self, request: HttpRequest, **credentials: Any) -> None:
        """Nothing is to be forgotten after a password reset: it makes the browser known."""

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
        if template_prefix in ASKED_BY_ANYBODY and not has_room_for_mail(email):
            return
        words = context | {
            "email": email,
            "product_name": settings.PRODUCT_NAME,
            "sign_up_is_open": settings.SIGN_UP == "open",
            "reset_url": f"{settings.PUBLIC_URL}{reverse('account_reset_password')}",
        }
        subject = mails.worded(f"{template_prefix}_subject.txt", words)
        body = mails.worded(f"{template_prefix}_message.txt", words)
        mails.deliver(mails.message(subject, body, email), template_prefix)
