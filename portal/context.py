from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


def product(request: HttpRequest) -> dict[str, object]:
    """Give every template the product's name, and whether mail servers outside the mail world are asked."""
    return {"product_name": settings.PRODUCT_NAME, "dns_only": not (settings.HELO_NAME and settings.PROBE_SENDER)}
