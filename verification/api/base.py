"""What every view of the API has in common."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar

from django.db import DatabaseError, InterfaceError
from rest_framework.exceptions import PermissionDenied
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.domain import quota
from accounts.domain.refusals import KeyScope
from accounts.domain.standing import NOBODY, Standing, headers
from accounts.models import Account, LicenseKey, Scope


class AlwaysJson(BaseContentNegotiation):
    """Answers in JSON whatever `Accept` says, as callers are used to."""

    def select_renderer(
        self,
        request: Request,  # noqa: ARG002  # DRF's signature
        renderers: Any,  # Any: DRF's
        format_suffix: str | None = None,  # noqa: ARG002
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


class ApiView(APIView):
    """A view for holders of a license key."""

    content_negotiation_class = AlwaysJson
    scopes: ClassVar[dict[str, Scope]] = {}  # by method: what the key must be for; others need nothing

    def check_permissions(self, request: Request) -> None:
        """Refuse keys that are not for this."""
        super().check_permissions(request)
        scope = self.scopes.get("GET" if request.method == "HEAD" else request.method or "")
        if scope is not None and scope not in key_of(request).scopes:
            raise PermissionDenied(str(KeyScope(scope)))

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:  # Any: DRF's
        """Say on every answer how the caller stands; what is left, as of now."""
        answer: Response = super().finalize_response(request, response, *args, **kwargs)
        key = getattr(request, "auth", None) if answer.status_code < 500 else None
        standing: Standing = getattr(request._request, "standing", NOBODY)
        if isinstance(key, LicenseKey):
            with suppress(DatabaseError, InterfaceError):  # the answer itself is good
                standing = replace(standing, quota_left=quota.left(account_id=key.account_id))
        for name, value in headers(standing).items():
            answer[name] = value
        return answer


def key_of(request: Request) -> LicenseKey:
    assert isinstance(request.auth, LicenseKey)
    return request.auth


def account_of(request: Request) -> Account:
    return key_of(request).account
