"""Bounces as mail services tell them: Amazon SES, SendGrid and Postmark, each known by its shape.

A service's own word decides where the server's reply is missing or says nothing; where it is there, the reply decides.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from verification.domain.bounce_reading import (
    MOST_REPORTS,
    NO_BOUNCE,
    SENDER_REFUSED,
    UNDER_WAY,
    Judged,
    NotABounce,
    Row,
    Unreadable,
    date_in_json,
    judge,
    report,
)
from verification.models import SuppressionKind

HARD, SOFT, FULL, HAND = SuppressionKind.HARD, SuppressionKind.SOFT, SuppressionKind.FULL, SuppressionKind.HAND
Event = dict[str, Any]  # Any: JSON
SHAPES = "an Amazon SES notification, a SendGrid event or a Postmark webhook"


def read(document: object) -> list[Row]:
    """Give what a document reports, one row a recipient.  Raises NotABounce."""
    events = document if isinstance(document, list) else [document]
    rows: list[Row] = []
    for event in events:
        rows.extend(rows_of(event))
        if len(rows) > MOST_REPORTS:
            raise NotABounce(f"A document has {MOST_REPORTS:,} reports at most.")
    if not rows:
        raise NotABounce("The document reports nothing.")
    if all(isinstance(row, Unreadable) and row.why.startswith("This is not ") for row in rows):
        raise NotABounce(f"The document is not {SHAPES}.")
    return rows


def rows_of(event: object) -> Iterator[Row]:
    if isinstance(event, dict):
        event = unwrapped(event)
        for is_of, reader in SERVICES:
            if is_of(event):
                yield from reader(event)
                return
    yield Unreadable(f"This is not {SHAPES}.")


def unwrapped(event: Event) -> Event:
    """Take an Amazon SNS envelope off.  Raises NotABounce."""
    if event.get("Type") == "SubscriptionConfirmation":
        raise NotABounce("Confirm the subscription in Amazon SNS first: nothing is opened from here.")
    if event.get("Type") != "Notification" or not isinstance(event.get("Message"), str):
        return event
    try:
        message = json.loads(event["Message"])
    except (ValueError, RecursionError):
        raise NotABounce("The Message of the SNS notification is not JSON.") from None
    return message if isinstance(message, dict) else {}


def text_in(event: Event, *names: str) -> str:
    return " ".join(value for name in names if isinstance(value := event.get(name), str))


# Amazon SES: by what it is about, see "Amazon SNS notification contents for Amazon SES".
SES_FOR_GOOD = {
    "UnsubscribedRecipient": Judged(HAND, "unsubscribed"),
    "Suppressed": Judged(HARD, "suppressed by Amazon SES"),
    "OnAccountSuppressionList": Judged(HARD, "suppressed by Amazon SES"),
}
SES_ABOUT_THE_MESSAGE = frozenset({"MessageTooLarge", "ContentRejected", "AttachmentRejected"})


def is_ses(event: Event) -> bool:
    return isinstance(event.get("notificationType", event.get("eventType")), str) and isinstance(
        event.get("mail"), dict
    )


def ses(event: Event) -> Iterator[Row]:
    kind = event.get("notificationType", event.get("eventType"))
    told = event.get("bounce" if kind == "Bounce" else "complaint")
    if kind not in ("Bounce", "Complaint"):
        addresses = event["mail"].get("destination")
        for address in addresses if isinstance(addresses, list) and addresses else [None]:
            yield report(address, Judged(None, NO_BOUNCE), None)
        return
    name = "bouncedRecipients" if kind == "Bounce" else "complainedRecipients"
    recipients = told.get(name) if isinstance(told, dict) else None
    if not isinstance(told, dict) or not isinstance(recipients, list):
        yield Unreadable(f"A notification of this type must hold {name}.")
        return
    at = date_in_json(told.get("timestamp"))
    for one in recipients:
        if not isinstance(one, dict):
            yield Unreadable(f"Each of {name} must be an object.")
            continue
        judged = ses_bounce(told, one) if kind == "Bounce" else ses_complaint(told)
        yield report(one.get("emailAddress"), judged, at)


def ses_bounce(bounce: Event, recipient: Event) -> Judged:
    kind, sub_type = bounce.get("bounceType"), text_in(bounce, "bounceSubType")
    if kind == "Permanent" and sub_type in SES_FOR_GOOD:
        return SES_FOR_GOOD[sub_type]
    if sub_type == "MailboxFull":
        return Judged(FULL, "mailbox full")
    if sub_type in SES_ABOUT_THE_MESSAGE:
        return Judged(None, SENDER_REFUSED)
    said = text_in(recipient, "diagnosticCode").partition(";")
    return judge(
        text=said[2].strip() if said[1] else said[0],
        status=text_in(recipient, "status"),
        unclear=HARD if kind == "Permanent" else SOFT,
    )


def ses_complaint(complaint: Event) -> Judged:
    if complaint.get("complaintFeedbackType") == "not-spam":
        return Judged(None, "A report of not-spam is no complaint.")
    return Judged(HAND, "complaint")


# SendGrid: one event a recipient, see "Event Webhook Reference".
SENDGRID_EVENTS = {
    "spamreport": Judged(HAND, "complaint"),
    "unsubscribe": Judged(HAND, "unsubscribed"),
    "group_unsubscribe": Judged(None, "Unsubscribed from one group only."),
    "deferred": Judged(None, UNDER_WAY),
}
SENDGRID_DROPS = {  # reasons why it did not even try
    "bounced address": Judged(HARD, "dropped as bounced"),
    "invalid": Judged(HARD, "dropped as invalid"),
    "spam reporting address": Judged(HAND, "complaint"),
    "unsubscribed address": Judged(HAND, "unsubscribed"),
}


def is_sendgrid(event: Event) -> bool:
    return isinstance(event.get("event"), str) and "email" in event


def sendgrid(event: Event) -> Iterator[Row]:
    yield report(event["email"], sendgrid_event(event), date_in_json(event.get("timestamp")))


def sendgrid_event(event: Event) -> Judged:
    name, reason = event["event"], text_in(event, "reason")
    if name == "dropped":
        return SENDGRID_DROPS.get(reason.strip().lower(), Judged(None, "It was dropped for what it is or who sent it."))
    if name == "bounce":
        unclear = None if event.get("type") == "blocked" else HARD
        judged = judge(text=reason, status=text_in(event, "status"), unclear=unclear)
        return judged if judged.kind else Judged(None, SENDER_REFUSED)
    return SENDGRID_EVENTS.get(name, Judged(None, NO_BOUNCE))


# Postmark: see "Bounce types" of its Bounce API; the rest is no fact about the mailbox.
POSTMARK_KINDS: dict[str, SuppressionKind] = {  # unless the reply says otherwise
    "HardBounce": HARD,
    "SoftBounce": SOFT,
    "Transient": SOFT,
    "DnsError": SOFT,
    "Unknown": SOFT,
}
POSTMARK_WORDS = {
    "BadEmailAddress": Judged(HARD, "no address"),
    "SpamComplaint": Judged(HAND, "complaint"),
    "Unsubscribe": Judged(HAND, "unsubscribed"),
    "ManuallyDeactivated": Judged(HAND, "deactivated in Postmark"),
    "Blocked": Judged(None, SENDER_REFUSED),
    "SpamNotification": Judged(None, SENDER_REFUSED),
    "VirusNotification": Judged(None, SENDER_REFUSED),
    "DMARCPolicy": Judged(None, SENDER_REFUSED),
}
POSTMARK_SUPPRESSIONS = {
    "HardBounce": Judged(HARD, "suppressed by Postmark"),
    "SpamComplaint": Judged(HAND, "complaint"),
    "ManualSuppression": Judged(HAND, "unsubscribed"),
}


def is_postmark(event: Event) -> bool:
    named = isinstance(event.get("RecordType"), str) or (isinstance(event.get("Type"), str) and "TypeCode" in event)
    return named and ("Email" in event or "Recipient" in event)


def postmark(event: Event) -> Iterator[Row]:
    address = event.get("Email", event.get("Recipient"))
    at = date_in_json(event.get("BouncedAt", event.get("ChangedAt")))
    yield report(address, postmark_event(event), at)


def postmark_event(event: Event) -> Judged:
    record = event.get("RecordType", "Bounce")
    if record == "SubscriptionChange":
        if event.get("SuppressSending") is not True:
            return Judged(None, NO_BOUNCE)
        return POSTMARK_SUPPRESSIONS.get(text_in(event, "SuppressionReason"), Judged(None, NO_BOUNCE))
    if record not in ("Bounce", "SpamComplaint"):
        return Judged(None, NO_BOUNCE)
    kind = text_in(event, "Type")
    if kind not in POSTMARK_KINDS:
        return POSTMARK_WORDS.get(kind, Judged(None, NO_BOUNCE))
    said = text_in(event, "Details").partition(";")
    text = said[2].strip() if said[0].strip().lower() == "smtp" else text_in(event, "Details")
    return judge(text=text, unclear=POSTMARK_KINDS[kind])


SERVICES: tuple[tuple[Callable[[Event], bool], Callable[[Event], Iterator[Row]]], ...] = (
    (is_ses, ses),
    (is_sendgrid, sendgrid),
    (is_postmark, postmark),
)
