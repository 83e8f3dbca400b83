"""The pages of the URL map: what answers somebody with a whole page."""

from __future__ import annotations

import time

from django.http import HttpResponseBase
from django.test import Client

from accounts.models import User
from tests.portal.routes import World, address, routes

NOT_OURS = ("admin/", "api/")
INSTEAD = {"name": "sandbox", "token": "no-such-token", "key": "no-such-key", "uidb36": "1"}


def pages_for(client: Client, world: World) -> list[str]:
    """Give the addresses that answer with a page; those of Django's admin and of Swagger UI are other people's."""
    ours = [route for route in routes() if not route.path.startswith(NOT_OURS)]
    paths = [address(route, world, **{n: INSTEAD[n] for n in route.arguments if n in INSTEAD}) for route in ours]
    return [path for path in paths if is_page(client.get(path))]


def is_page(response: HttpResponseBase) -> bool:
    return response.status_code == 200 and b"<!doctype html>" in response.getvalue()[:100]  # no part of a page


def sign_in(client: Client, user: User) -> None:
    """Sign somebody in who has just shown the password, as pages of the second factor want it."""
    client.force_login(user)
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": time.time(), "reauthenticated": True}]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
