"""`{{ session.user_agent|browser }}`: what people call it."""

from __future__ import annotations

from django import template

from accounts.web.browsers import browser_of

register = template.Library()
register.filter("browser", browser_of)
