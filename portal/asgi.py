"""The web process: request ids, bounds of bodies, the live check, and Django for the rest."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup(set_prefix=False)

from portal.http.application import build  # noqa: E402  # needs the settings

application = build()
