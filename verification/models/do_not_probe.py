"""Domains and mail hosts that staff keep us from asking."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class DoNotProbe(models.Model):
    """One name; those below it count, too.  No connection is made to it, whoever asks."""

    name = models.CharField(
        max_length=253, unique=True, help_text="A domain or a mail host; all names below it count, too."
    )
    reason = models.CharField(max_length=200, help_text="Why, and who asked for it.")
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "name not to be probed"
        verbose_name_plural = "do-not-probe list"
        constraints = [
            models.CheckConstraint(condition=~models.Q(name="") & ~models.Q(reason=""), name="do_not_probe_says_why"),
        ]

    def __str__(self) -> str:
        return self.name
