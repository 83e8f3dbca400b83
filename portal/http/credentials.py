"""Whether a request comes from somebody, asked before more than a little of its body is read."""

from __future__ import annotations

from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from importlib import import_module

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import connection

from accounts.domain import access
from portal.http.routes import Credential
from portal.http.types import Scope, header


async def holds(scope: Scope, credential: Credential) -> bool:
    """Tell whether a request holds what its route asks for.  Raises django.db.Error when the database is away."""
    if credential is Credential.NONE:
        return True
    check = has_license_key if credential is Credential.LICENSE_KEY else has_session
    async with ThreadSensitiveContext():
        return await sync_to_async(on_own_connection)(check, scope)


def on_own_connection(check: Callable[[Scope], bool], scope: Scope) -> bool:
    """Run a check in a thread that ends with the request; its connection must not outlive it."""
    try:
        return check(scope)
    finally:
        connection.close()


def has_license_key(scope: Scope) -> bool:
    try:
        secret = access.secret_in(
            authorization=header(scope, b"authorization") or "", license_key=header(scope, b"x-license-key") or ""
        )
        access.authenticate(secret=secret, client=str((scope.get("client") or ("",))[0]))
    except access.AccessRefused:
        return False
    return True


def has_session(scope: Scope) -> bool:
    """Tell whether the session's row names a signed-in user; Django looks closer once it has the request."""
    try:
        cookies = SimpleCookie(header(scope, b"cookie") or "")
    except CookieError:
        return False
    cookie = cookies.get(settings.SESSION_COOKIE_NAME)
    if cookie is None:
        return False
    store = import_module(settings.SESSION_ENGINE).SessionStore
    return SESSION_KEY in store(cookie.value)
