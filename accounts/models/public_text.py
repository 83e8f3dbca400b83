"""Texts that whoever runs the portal writes for everybody."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

LONGEST = 100_000  # characters


class PublicText(models.Model):
    """One of the texts of law; while there is none, its page says that it is not written yet."""

    class Kind(models.TextChoices):
        TERMS = "terms", _("Terms of use")
        PRIVACY = "privacy", _("Privacy")

    kind = models.CharField(max_length=10, choices=Kind, unique=True)
    text = models.TextField(
        max_length=LONGEST,
        help_text="Markdown: # for headings, - for lists, [words](https://…) for links. HTML is shown as text.",
    )
    updated_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )

    def __str__(self) -> str:
        return self.get_kind_display()
