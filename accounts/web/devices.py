"""Browsers that a person has signed in with before, known by a signed cookie.

The cookie opens nothing: it lets a person's tries to sign in be counted apart from strangers', and tells an old browser
from a new one, of which they are told by mail.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from allauth.account.signals import password_reset, user_signed_up
from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.core import signing
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.domain import outbox
from accounts.links import link_to
from accounts.models import User
from accounts.web.browsers import browser_of

COOKIE = "device"
SALT = "accounts.devices"
MAX_AGE = 365 * 24 * 3600
MOST = 5  # people of one browser


def devices_of(request: HttpRequest) -> dict[str, str]:
    """Give the people whom a browser is known to, by number, each with the name it has with them."""
    try:
        known = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=MAX_AGE)
    except signing.BadSignature:
        return {}
    return {str(person): str(name) for person, name in known.items()}


def device_of(request: HttpRequest, email: str) -> str | None:
    """Give the name under which a browser is known to the person who signs in with an address."""
    known = devices_of(request)
    if not known:
        return None
    person = User.objects.filter(email=email.lower(), pk__in=known).values_list("pk", flat=True).first()
    return None if person is None else f"{person}:{known[str(person)]}"


class DeviceMiddleware:
    """Writes the cookie when somebody has shown, during a request, who they are."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        person = getattr(request, "device_shown_by", None)
        if person is not None:
            known = devices_of(request)
            known.pop(str(person), None)
            known = dict(list(known.items())[1 - MOST :]) | {str(person): secrets.token_urlsafe(12)}
            response.set_cookie(
                COOKIE,
                signing.dumps(known, salt=SALT),
                max_age=MAX_AGE,
                path="/accounts/",
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
        return response


@receiver(user_signed_up)
def note_sign_up(request: HttpRequest, **_: Any) -> None:  # Any: whatever the signal sends
    request.is_first_sign_in = True  # type: ignore[attr-defined]  # for note_sign_in


@receiver(password_reset)
def note_reset(request: HttpRequest, user: User, **_: Any) -> None:  # Any: whatever the signal sends
    """A browser that opened the mailed link is the person's: the way in that no stranger can block."""
    request.device_shown_by = user.pk  # type: ignore[attr-defined]  # for the middleware


@receiver(user_logged_in)
def note_sign_in(request: HttpRequest, user: User, **_: Any) -> None:  # Any: whatever the signal sends
    if not hasattr(request, "allauth"):
        return  # not through a page
    request.device_shown_by = user.pk  # type: ignore[attr-defined]  # for the middleware
    is_first = getattr(request, "is_first_sign_in", False)
    if not is_first and str(user.pk) not in devices_of(request):
        tell_of(request, user)


def tell_of(request: HttpRequest, user: User) -> None:
    """Tell a person of a sign-in by a browser that was not known; the sign-in does not wait for the mail server."""
    agent = request.headers.get("User-Agent", "")
    outbox.tell(
        people=[user],
        name="new_sign_in",
        reference=secrets.token_hex(8),
        time=f"{timezone.now():%-d %B %Y, %H:%M}",
        ip=request.META.get("REMOTE_ADDR", ""),
        browser=browser_of(agent),
        link=link_to("account_reset_password"),
    )
