"""Reads a job request: its shape, its limits, and where a fault is.  docs/api/job-request.md

A wrong JSON type is INVALID_FORMAT, a missing, null or empty value MISSING_VALUE, the right type with a content that
cannot be INVALID_VALUE.  The first fault in the order of the document counts.  Members that nobody knows are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from verification.api.attachments import read_attachments
from verification.api.json_reader import JsonRefused, load
from verification.api.json_shapes import (
    LONGEST_REFERENCE,
    an_object,
    full_list,
    invalid_format,
    invalid_value,
    missing,
    optional_object,
    short_text,
    too_long,
)
from verification.api.notification import read_notification
from verification.api.rejections import Rejected, SubType
from verification.domain import job_features
from verification.domain.attachments import Attachment
from verification.domain.intake import Recipient
from verification.domain.sending import Sender, SenderFaulty, read_sender
from verification.domain.webhooks.endpoints import Notification
from verification.engine.syntax import split_display_name

LONGEST_ADDRESS = 254
LONGEST_AGE_SECONDS = 30 * 24 * 3600
MOST_GREYLIST_HOURS = 24


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A request that may be taken, recipient by recipient."""

    recipients: list[Recipient]
    attachments: list[Attachment] = field(default_factory=list)
    reference_job: str = ""
    cost_center: str = ""
    campaign_id: str = ""
    features: dict[str, bool] = field(default_factory=dict)
    max_age: int | None = None
    greylist_hours: int | None = None
    sender: Sender | None = None
    notification: Notification | None = None


def read(body: bytes, *, addresses_limit: int) -> JobRequest:
    """Read a body.  Raises Rejected."""
    try:
        document = load(body)
    except JsonRefused as fault:
        raise Rejected(SubType.INVALID_JSON_SYNTAX, str(fault)) from fault
    if not isinstance(document, dict):
        raise invalid_format("$")
    recipients: list[Recipient] = []
    for recipient in read_recipients(document, is_optional=bool(document.get("attachments"))):
        if len(recipients) == addresses_limit:
            raise Rejected(SubType.LIMIT_EXCEEDED, "Count limit exceeded for recipients")
        recipients.append(recipient)
    sender = read_from(optional_object(document, "mail", "mail"))
    job = optional_object(document, "job", "job")
    features = read_features(optional_object(job, "features", "job.features"))
    options = read_options(optional_object(job, "options", "job.options"))
    attachments = read_attachments(document)
    return JobRequest(
        recipients,
        attachments,
        reference_job=short_text(job, "referenceJob", "job.referenceJob"),
        cost_center=short_text(job, "costCenter", "job.costCenter"),
        campaign_id=short_text(job, "campaignId", "job.campaignId"),
        features=features,
        max_age=options.get("maxAgeSeconds"),
        greylist_hours=options.get("greylistHours"),
        sender=sender,
        notification=read_notification(document),
    )


def read_from(mail: dict[str, Any]) -> Sender | None:  # Any: JSON
    """Read `mail.from`, None when it is not there; a display name is left out."""
    member = mail.get("from")
    if member is None:
        return None
    text = split_display_name(read_email(member, "mail.from"))
    try:
        return read_sender(text)
    except SenderFaulty:
        raise Rejected(SubType.INVALID_SENDER, "Invalid syntax for mail.from.email") from None


def read_features(members: dict[str, Any]) -> dict[str, bool]:  # Any: JSON
    """Read which features a job asks for or does without; the set is closed."""
    features = {}
    for name, member in members.items():
        path = f"job.features.{name[:LONGEST_REFERENCE]}"
        if name not in job_features.FIELDS:
            raise invalid_value(path)
        active = an_object(member, path).get("active")
        if active is None:
            raise missing(f"{path}.active")
        if not isinstance(active, bool):
            raise invalid_format(f"{path}.active")
        features[name] = active
    return features


OPTIONS: dict[str, int] = {"maxAgeSeconds": LONGEST_AGE_SECONDS, "greylistHours": MOST_GREYLIST_HOURS}  # and their most


def read_options(members: dict[str, Any]) -> dict[str, int]:  # Any: JSON
    """Read the options that are there; the set is closed, each is a whole number."""
    options = {}
    for name, number in members.items():
        path = f"job.options.{name[:LONGEST_REFERENCE]}"
        if name not in OPTIONS:
            raise invalid_value(path)
        if number is None:
            continue
        if not isinstance(number, int) or isinstance(number, bool):
            raise invalid_format(path)
        if not 0 <= number <= OPTIONS[name]:
            raise invalid_value(path)
        options[name] = number
    return options


def read_recipients(document: dict[str, Any], *, is_optional: bool) -> Iterator[Recipient]:  # Any: JSON
    if is_optional and document.get("recipients") in (None, []):
        return
    for block, member in enumerate(full_list(document, "recipients", "recipients")):
        path = f"recipients[{block}]"
        holder = an_object(member, path)
        mail = an_object(holder.get("mail"), f"{path}.mail")
        to = full_list(mail, "to", f"{path}.mail.to")
        reference = short_text(holder, "reference", f"{path}.reference")
        for index, element in enumerate(to):
            email = read_email(element, f"{path}.mail.to[{index}]")
            yield Recipient(block, index, email, reference)


def read_email(element: object, path: str) -> str:
    email = an_object(element, path).get("email")
    if email is None or email == "":
        raise missing(f"{path}.email")
    if not isinstance(email, str):
        raise invalid_format(f"{path}.email")
    if len(email) > LONGEST_ADDRESS and len(split_display_name(email)) > LONGEST_ADDRESS:
        raise too_long(f"{path}.email")
    return email
