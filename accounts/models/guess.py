"""Failed tries to sign in, counted."""

from __future__ import annotations

from django.db import models


class Guess(models.Model):
    """A bucket of tries: of a client, of a client and an address, of an address, of a known device.

    Kept as a digest, so that the table names no one; written by accounts/domain/guesses.py only.
    """

    bucket = models.BinaryField(max_length=32, primary_key=True)
    count = models.PositiveIntegerField()
    until = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "guesses"

    def __str__(self) -> str:
        return f"{self.count} until {self.until}"
