"""Addresses of pages, as mails name them."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse

from accounts.models import User


def link_to(name: str, **arguments: object) -> str:
    """Give the full address of a page, as people reach the portal."""
    return f"{settings.PUBLIC_URL}{reverse(name, kwargs=arguments)}"


def called(user: User | None) -> str:
    """Name a person in one line."""
    if user is None:
        return "Somebody"
    name = " ".join(user.name.split())
    return f"{name} ({user.email})" if name else user.email
