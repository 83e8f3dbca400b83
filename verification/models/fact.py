"""What is known of a mail domain, shared by all accounts."""

from __future__ import annotations

from django.db import models

from verification.engine.types import CatchAllState


class DomainFact(models.Model):
    """The newest catch-all probe of a domain: asked at most once a day, whoever asks."""

    domain = models.TextField(primary_key=True)  # lower-case A-labels
    catch_all = models.CharField(max_length=12, choices=[(state.value, state.value) for state in CatchAllState])
    host = models.TextField(blank=True, default="")  # the mail host that was asked
    probed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.domain}: catch-all {self.catch_all}"
