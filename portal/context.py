from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


def product(request: HttpRequest) -> dict[str, object]:
    """Give every template the product's name, whether real mail servers are asked, and whether anybody may sign up."""
    return {
        "product_name": settings.PRODUCT_NAME,
        "dns_only": not (settings.HELO_NAME and settings.PROBE_SENDER),
        "has_mailbox": settings.HAS_MAILBOX,
        "sign_up_is_open": settings.SIGN_UP == "open",
    }
