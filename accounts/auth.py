"""How programs sign in: by license key.  People do by allauth, see accounts/web/adapter.py."""

from __future__ import annotations

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied, Throttled
from rest_framework.request import Request

from accounts.domain import access
from accounts.models import Account, LicenseKey


class KeyHolder:
    """Stands as `request.user` for the program that holds a key."""

    is_authenticated = True
    is_anonymous = False
    is_active = True
    is_staff = False
    pk = None

    def __init__(self, key: LicenseKey) -> None:
        self.key = key

    @property
    def account(self) -> Account:
        return self.key.account

    def __str__(self) -> str:
        return str(self.key)


class LicenseKeyAuthentication(BaseAuthentication):
    """Lets a key in by `Authorization: Bearer`, `X-License-Key` or Basic (as user name or password)."""

    def authenticate(self, request: Request) -> tuple[KeyHolder, LicenseKey] | None:
        """Let a call in, and count it; how the caller stands is kept with the request."""
        try:
            secret = access.secret_in(
                authorization=request.headers.get("Authorization", ""),
                license_key=request.headers.get("X-License-Key", ""),
            )
            if secret is None:
                return None
            key, standing = access.let_in(secret=secret, client=request.META.get("REMOTE_ADDR") or "")
        except access.TooManyCalls as refusal:
            request._request.standing = refusal.standing  # type: ignore[attr-defined]  # for the headers of the answer
            raise Throttled(wait=refusal.retry_after, detail=str(refusal)) from refusal
        except access.KeyNetwork as refusal:
            raise PermissionDenied(str(refusal)) from refusal
        except access.AccessRefused as refusal:
            raise AuthenticationFailed(str(refusal)) from refusal
        request._request.standing = standing  # type: ignore[attr-defined]  # as above
        return KeyHolder(key), key

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002  # DRF's signature
        return 'Bearer realm="api"'
