"""Where people are signed in: to look at only, without the session's key, which would sign anybody in."""

from __future__ import annotations

from importlib import import_module

from allauth.usersessions.models import UserSession
from django.contrib import admin

from accounts.admin.base import ReadOnlyAdmin

import_module("allauth.usersessions.admin")  # registers
admin.site.unregister(UserSession)  # its form shows the key, and its search fails


@admin.register(UserSession)
class SessionAdmin(ReadOnlyAdmin[UserSession]):
    list_display = ("user", "created_at", "last_seen_at", "ip", "user_agent")
    list_select_related = ("user",)
    search_fields = ("user__email__exact",)
    search_help_text = "By the whole address of the person."
    fields = list_display
