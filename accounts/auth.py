"""How requests sign in: people by allauth, programs by license key."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication


class ClosedSignup(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """Accounts are made by staff; nobody signs up by themselves."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


class LicenseKeyAuthentication(BaseAuthentication):
    pass
