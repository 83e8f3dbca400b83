"""Who may see a page of an account: strangers get 404, anonymous people the sign-in page."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from accounts.domain import quota_notices
from accounts.domain.access import NotAMember, Permission, account_for, may
from accounts.models import Membership, User

P = ParamSpec("P")


class AccountRequest(HttpRequest):
    """A request of a member of the account whose page it is."""

    membership: Membership
    user: User


Page = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
AccountPage = Callable[Concatenate[AccountRequest, P], HttpResponseBase]


def account_page(permission: Permission) -> Callable[[AccountPage[P]], Page[Concatenate[str, P]]]:
    """Guard a page below /a/<account>/: 302 for the anonymous, 404 for strangers, 403 for a role without permission."""

    def decorate(view: AccountPage[P]) -> Page[Concatenate[str, P]]:
        @login_required
        @wraps(view)
        def guarded(request: HttpRequest, account: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            request = cast(AccountRequest, request)
            try:
                request.membership = account_for(user=request.user, slug=account)
            except NotAMember:
                raise Http404 from None
            if not may(request.membership.role, permission):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return cast(Page[Concatenate[str, P]], guarded)  # mypy's wraps() keeps the names of the view's parameters

    return decorate


def page(request: AccountRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """Render a page with what its reader may do as `can`."""
    can = {permission.value: may(request.membership.role, permission) for permission in Permission}
    always = {"account": request.membership.account, "can": can, "quota_low": quota_notices.low(request.membership)}
    return render(request, template, always | context, status=status)
