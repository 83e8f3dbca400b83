"""Mails that are to go out: the row first, with the act it tells of; the mail after."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models.user import User


class OutgoingMail(models.Model):
    """A mail to a person, made of the template `mail/NAME.txt` when it is sent.

    `words` are what the template needs: our own, names that people gave to what is theirs, and what concerns the
    person; never an address that a customer handed in.  They go with the sending.  The row stays for some days, so that
    nobody is told twice.
    """

    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", db_index=False)
    name = models.CharField("mail", max_length=40)
    reference = models.CharField(max_length=100, help_text="Of what it tells: each person hears of it once.")
    words = models.JSONField(default=dict, db_default={})
    created_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now())
    tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "outgoing mail"
        constraints = [models.UniqueConstraint(fields=["person", "name", "reference"], name="outgoing_mail_once")]
        indexes = [
            models.Index(fields=["due_at"], name="outgoing_mail_unsent", condition=Q(sent_at=None)),
            models.Index(fields=["created_at"], name="outgoing_mail_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.reference}"
