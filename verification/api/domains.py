"""The account's sending domains: docs/api/native.md."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from verification.api import schema_domains
from verification.api.base import ApiView, account_of
from verification.api.job_answers import timestamp
from verification.domain import sending
from verification.models import CheckKind, DomainCheck, SendingDomain


class DomainsView(ApiView):
    """What the account may have its addresses asked by."""

    @extend_schema(**schema_domains.DOMAINS)
    def get(self, request: Request) -> Response:
        """List the sending domains with the last outcome of each check; there are 50 at most."""
        return Response({"domains": [document(domain) for domain in sending.domains_of(account_of(request))]})


def document(domain: SendingDomain) -> dict[str, Any]:  # Any: JSON
    head = {"domain": domain.domain, "createdTs": timestamp(domain.created_at), "proved": domain.is_proved}
    return head | {kind.value: check(domain.check_of(kind)) for kind in CheckKind}


def check(row: DomainCheck) -> dict[str, Any]:  # Any: JSON
    return {
        "lastCheck": row.last_check,
        "checkedTs": row.checked_at and timestamp(row.checked_at),
        "cause": row.cause or None,
        "trouble": row.trouble or None,
    }
