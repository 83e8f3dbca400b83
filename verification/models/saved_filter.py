"""Choices of rows that an account gave a name."""

from __future__ import annotations

from django.db import models
from django.db.models import F
from django.db.models.functions import Lower

from accounts.models import Account


class SavedFilter(models.Model):
    """One choice, for the rows of any list of the account; no person's address is in it."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="saved_filters", db_index=False)
    name = models.CharField(max_length=40)
    choice: models.JSONField[dict[str, str], dict[str, str]] = models.JSONField(default=dict)  # Chosen.as_dict()

    class Meta:
        constraints = [models.UniqueConstraint(F("account"), Lower("name"), name="saved_filter_once")]

    def __str__(self) -> str:
        return self.name
