"""What is counted while calls are let in: by key and by account, exact over all processes.

A minute begins with its first call.  One call too many begins another, in which all are refused: then `calls` is more
than the limit.  Written by accounts/domain/admission_sql.py and quota_sql.py only.
"""

from __future__ import annotations

from django.db import models

from accounts.models.account import Account
from accounts.models.key import LicenseKey
from accounts.models.quota import QuotaPeriod


class KeyUsage(models.Model):
    """A key's calls in its present minute, and the checks it took of a period, those set aside among them."""

    key = models.OneToOneField(LicenseKey, on_delete=models.CASCADE, primary_key=True, related_name="+")
    since = models.DateTimeField(null=True)
    calls = models.IntegerField(default=0)
    period = models.ForeignKey(QuotaPeriod, on_delete=models.SET_NULL, null=True, db_index=False)
    taken = models.BigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "usage of keys"

    def __str__(self) -> str:
        return f"{self.key}: {self.taken}"


class AccountUsage(models.Model):
    """An account's calls in its present minute, and how many of them wait for mail servers."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, primary_key=True, related_name="+")
    since = models.DateTimeField(null=True)
    calls = models.IntegerField(default=0)
    waiting = models.IntegerField(default=0)

    class Meta:
        verbose_name_plural = "usage of accounts"

    def __str__(self) -> str:
        return f"{self.account}: {self.waiting} waiting"
