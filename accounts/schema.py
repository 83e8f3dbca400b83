"""Describes to readers of the OpenAPI schema how a key is given.

Not in auth.py: drf-spectacular imports DRF's views, which import auth.py.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class LicenseKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # its __init_subclass__
    """The three ways in, see LicenseKeyAuthentication."""

    target_class = "accounts.auth.LicenseKeyAuthentication"
    name = ["bearerKey", "headerKey", "basicKey"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:  # noqa: ARG002  # Any: its signature
        return [
            {"type": "http", "scheme": "bearer", "description": "The license key."},
            {"type": "apiKey", "in": "header", "name": "X-License-Key", "description": "The license key."},
            {"type": "http", "scheme": "basic", "description": "The license key as user name or as password."},
        ]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:  # noqa: ARG002  # Any: its signature
        """Any one of them will do."""
        return [{name: []} for name in self.name]
