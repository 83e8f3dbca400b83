"""That an account had a free sample taken."""

from __future__ import annotations

from django.db import models

from accounts.models import Account


class Sample(models.Model):
    """Counted for a day, so that lists that come and go bring no more of them."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="samples")
    taken_at = models.DateTimeField(auto_now_add=True)
    rows = models.PositiveSmallIntegerField()

    def __str__(self) -> str:
        return f"{self.rows} rows of {self.account}"
