from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from verification.domain import probe_state


def product(request: HttpRequest) -> dict[str, object]:
    """Give every template the product's name, whether real mail servers are asked, and whether anybody may sign up."""
    probe_state.look_now()
    return {
        "product_name": settings.PRODUCT_NAME,
        "dns_only": not probe_state.is_named(),
        "port_25_is_shut": probe_state.is_shut(),
        "zone": timezone.get_current_timezone_name(),
        "has_mailbox": settings.HAS_MAILBOX,
        "sign_up_is_open": settings.SIGN_UP == "open",
    }
