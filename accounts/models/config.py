"""Feature toggles and limits, steered by staff in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.account import Account

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


def feature(help_text: StrOrPromise, *, default: bool = True) -> models.BooleanField[bool, bool]:
    return models.BooleanField(default=default, help_text=help_text)


def limit(default: int, help_text: StrOrPromise, *, most: int | None = None) -> models.PositiveIntegerField[int, int]:
    bounds = [MinValueValidator(1), *([MaxValueValidator(most)] if most else [])]
    return models.PositiveIntegerField(default=default, validators=bounds, help_text=help_text)


GREYLIST_HOURS = 4
LONGEST_GREYLIST_HOURS = 24
RETENTION_DAYS = 30
LONGEST_RETENTION_DAYS = 3_650


class AccountConfig(models.Model):
    """Typed toggles and limits of an account; `sending_domain` empty is the account's own row, others override it."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="configs")
    sending_domain = models.CharField(
        max_length=253, blank=True, default="", help_text="Empty: for the whole account. Else for this sending domain."
    )
    verification_api = feature(_("Single addresses may be checked with GET /api/emh/a/v2."))
    job_requests = feature(_("Jobs may be handed in with POST /api/v1/jobs."))
    attachments = feature(_("Job requests may bring list files."))
    uploads = feature(_("Lists may be uploaded on the pages."))
    exports = feature(_("Results may be downloaded."))
    webhooks = feature(_("Events are sent to URLs, of the account and of jobs that name one."))
    antivirus = feature(
        _("Uploaded lists and attachments of job requests are scanned for viruses; needs a scanner (CLAMD)."),
        default=False,
    )
    dkim = feature(
        _("Job requests that name a sender need a sending domain whose last DKIM check passed."), default=False
    )
    mailbox_probe = feature(_("Mail servers are asked; off: syntax, lists and DNS only."))
    catch_all_probe = feature(_("Domains are tried with one random recipient."))
    greylist_retry = feature(_("Greylisted and transient rows of jobs are tried again for some hours."))
    typo_suggestion = feature(_("Misspelt domains come with the address that was probably meant."))
    result_reuse = feature(_("A recent result of the same account may answer again."))
    spam_trap_check = feature(_("Addresses are looked up in the spam-trap list."))
    disposable_check = feature(_("Domains are looked up in the list of disposable address providers."))
    rows_per_upload = limit(1_000_000, _("Rows in one uploaded list, at most."))
    addresses_per_job = limit(100_000, _("Addresses in one job request, at most."))
    upload_megabytes = limit(100, _("Size of one uploaded list, at most, in units of 1,000,000 bytes."))
    deadline_seconds = limit(75, _("Time for one address of a list, at most."))
    greylist_hours = limit(
        GREYLIST_HOURS,
        _("Hours after their first try that greylisted and transient rows are tried again; a job may ask for fewer."),
        most=LONGEST_GREYLIST_HOURS,
    )
    calls_per_minute = limit(
        60_000, _("Calls of the API in a minute, all keys together; over it all are refused for the next minute.")
    )
    concurrent_calls = limit(2_500, _("Single checks that may wait for mail servers at once."))
    retention_days = limit(
        RETENTION_DAYS,
        _("Days after their end that lists, jobs and single checks are kept, with all addresses in them."),
        most=LONGEST_RETENTION_DAYS,
    )
    license_keys = limit(20, _("License keys in force at the same time, live and sandbox, at most."), most=1_000)
    forbidden_local_parts: ArrayField[list[str], list[str]] = ArrayField(
        models.CharField(max_length=64),
        default=list,
        blank=True,
        size=500,
        help_text=_(
            "Names before the @ that jobs and lists must not hold, without regard to case; separated by commas."
        ),
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "account config"
        constraints = [models.UniqueConstraint(fields=["account", "sending_domain"], name="account_config_once")]

    def __str__(self) -> str:
        return f"{self.account}: {self.sending_domain or 'whole account'}"
