"""A list file that a customer brought, with what a look at it found."""

from __future__ import annotations

import uuid
from pathlib import Path

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models import Account


class Upload(models.Model):
    """A file under PORTAL_DATA/uploads, named by its id; gone from disk once its list is read and started."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="uploads")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True)
    filename = models.CharField(max_length=255)
    size = models.BigIntegerField(help_text="Bytes.")
    encoding = models.CharField(max_length=40)
    delimiter = models.CharField(max_length=1, blank=True, help_text="Empty: one address a line.")
    has_header = models.BooleanField()
    columns: ArrayField[list[str], list[str]] = ArrayField(models.TextField())
    address_column = models.PositiveIntegerField()
    more_columns: ArrayField[list[int], list[int]] = ArrayField(
        models.PositiveIntegerField(), default=list, blank=True, help_text="That are checked, too."
    )
    row_count = models.PositiveIntegerField(help_text="Rows with something in the address column.")
    check_count = models.PositiveIntegerField(null=True, help_text="Addresses in all rows; empty: one in each.")
    created_at = models.DateTimeField(auto_now_add=True)
    sheets: ArrayField[list[str], list[str]] = ArrayField(
        models.CharField(max_length=31), default=list, blank=True, help_text="Of a workbook; empty for a text file."
    )
    sheet = models.CharField(max_length=31, blank=True, help_text="The one that is read.")
    quoted = models.BooleanField(default=True, help_text="Quotation marks hold cells together.")
    fault = models.CharField(max_length=500, blank=True, help_text="Why it cannot be read like this; nothing starts.")
    overflow = models.CharField(max_length=500, blank=True, help_text="Why only its beginning was kept.")
    is_cut = models.BooleanField(default=False, help_text="Only its first rows are taken, as was chosen.")
    version = models.PositiveIntegerField(default=0, help_text="Goes up when the file is read another way.")
    form = models.UUIDField(null=True, editable=False)  # it came with: one that is sent again brings nothing twice
    digest = models.BinaryField(null=True, editable=False)  # of its name and bytes, keyed by the account
    # raw rows of the beginning, for the preview
    sample: ArrayField[list[list[str]], list[list[str]]] = ArrayField(ArrayField(models.TextField()), default=list)

    class Meta:
        constraints = [
            # also finds what came with a form; files that came otherwise have none
            models.UniqueConstraint(fields=["account", "form", "digest"], name="upload_once"),
        ]
        indexes = [models.Index(fields=["created_at"], name="upload_by_age")]

    def __str__(self) -> str:
        return self.filename

    @property
    def address_columns(self) -> list[int]:
        return [self.address_column, *self.more_columns]

    @property
    def checks(self) -> int:
        """How many rows its job gets: one for each address."""
        return self.row_count if self.check_count is None else self.check_count

    @property
    def can_be_cut(self) -> bool:
        """Tell whether it is longer than it may be, and nothing else is wrong with it."""
        return bool(self.fault and self.row_count)

    @property
    def path(self) -> Path:
        return Path(settings.UPLOADS) / str(self.id)

    @property
    def workbook(self) -> Path:
        """Where the workbook lies whose other sheets can still be chosen; `path` is the text of the chosen one."""
        return self.path.with_suffix(".xlsx")
