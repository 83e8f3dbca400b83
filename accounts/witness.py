"""Notes in the audit log what people do on pages that are not ours: signing in, passwords, second factors."""

from __future__ import annotations

from typing import Any

from allauth.account.signals import password_changed, password_reset, password_set
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_removed, authenticator_reset
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.domain import audit, impersonation
from accounts.domain.audit import Action
from accounts.models import User


@receiver(user_logged_in)
def note_sign_in(user: User, **_: Any) -> None:  # Any: whatever the signal sends
    if user.is_staff:
        audit.record(action=Action.STAFF_SIGNED_IN, actor=user, target=user)


@receiver(user_logged_out)
def note_end_of_look(request: HttpRequest | None, **_: Any) -> None:  # Any: whatever the signal sends
    look = getattr(request, "impersonation", None)
    if look is not None:
        impersonation.end(look=look, why="Signed out.")


@receiver([password_changed, password_set, password_reset])
def note_password(user: User, **_: Any) -> None:  # Any: whatever the signal sends
    audit.record(action=Action.PASSWORD_CHANGED, actor=user, target=user)


@receiver(authenticator_added)
def note_factor_added(user: User, authenticator: Authenticator, **_: Any) -> None:  # Any: the rest of the signal
    audit.record(action=Action.FACTOR_ADDED, actor=user, target=user, after={"type": authenticator.type})


@receiver(authenticator_removed)
def note_factor_removed(user: User, authenticator: Authenticator, **_: Any) -> None:  # Any: the rest of the signal
    audit.record(action=Action.FACTOR_REMOVED, actor=user, target=user, before={"type": authenticator.type})


@receiver(authenticator_reset)
def note_codes_renewed(user: User, **_: Any) -> None:  # Any: whatever the signal sends
    audit.record(action=Action.RECOVERY_CODES_RENEWED, actor=user, target=user)
