"""The caller's account, as it stands: docs/api/native.md."""

from __future__ import annotations

from typing import Any

from django.db.models import BooleanField, PositiveIntegerField
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.domain.allowance import allowance_of
from accounts.domain.config import config_of
from accounts.models import AccountConfig, LicenseKey
from verification.api import schema_account
from verification.api.base import ApiView, account_of, key_of
from verification.api.job_answers import timestamp
from verification.api.names import camel_case
from verification.domain.forecast import forecast

FEATURES = tuple(f.name for f in AccountConfig._meta.get_fields() if isinstance(f, BooleanField))
LIMITS = tuple(f.name for f in AccountConfig._meta.get_fields() if isinstance(f, PositiveIntegerField))


class AccountView(ApiView):
    """Who the key belongs to, and what the account may do."""

    @extend_schema(**schema_account.ACCOUNT)
    def get(self, request: Request) -> Response:
        """Tell about the account, its toggles and limits, and the key that asks."""
        return Response(document(key_of(request)))


def document(key: LicenseKey) -> dict[str, Any]:  # Any: JSON
    account, config = key.account, config_of(key.account)
    return {
        "name": account.name,
        "slug": account.slug,
        "status": account.status,
        "createdTs": timestamp(account.created_at),
        "monthlyQuota": account.monthly_quota,
        "resetDay": account.reset_day,
        "features": {camel_case(name): getattr(config, name) for name in FEATURES},
        "limits": {camel_case(name): getattr(config, name) for name in LIMITS},
        "key": {"id": key.pk, "name": key.name, "kind": key.kind, "prefix": key.prefix},
    }


class QuotaView(ApiView):
    """What the account may still use."""

    @extend_schema(**schema_account.QUOTA)
    def get(self, request: Request) -> Response:
        """Tell how the present period and the prepaid checks stand."""
        account = account_of(request)
        stands = allowance_of(account)
        ahead = forecast(account=account, stands=stands, now=timezone.now())
        return Response(
            {
                "period": {
                    "startsOn": str(stands.starts_on),
                    "endsOn": str(stands.ends_on),
                    "granted": stands.granted,
                    "used": stands.used,
                    "reserved": stands.reserved,
                },
                "credit": {"balance": stands.credit, "reserved": stands.credit_reserved},
                "left": stands.left,
                "forecast": {
                    "perDay": round(ahead.per_day, 1),
                    "runsOutOn": str(ahead.runs_out_on) if ahead.runs_out_on else None,
                },
            }
        )
