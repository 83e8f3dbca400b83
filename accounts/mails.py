"""The portal's own mail: written once as text, sent as text and as HTML.

A mail is a template `mail/NAME.txt`: the subject in its first line, an empty line, then paragraphs; a paragraph that is
nothing but an address becomes a button.  What people typed is never more than a line of text in it.
"""

from __future__ import annotations

import logging
from datetime import UTC
from smtplib import SMTPException
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone

logger = logging.getLogger(__name__)
BY_ITSELF = {"Auto-Submitted": "auto-generated"}  # RFC 3834: no out-of-office replies


def send(name: str, to: str, context: dict[str, Any]) -> bool:  # Any: template context
    """Send a mail; False when it could not be handed over, which is in the log."""
    text = worded(f"mail/{name}.txt", context | {"product_name": settings.PRODUCT_NAME})
    subject, _, body = text.strip().partition("\n")
    return deliver(message(subject, body, to), name)


def worded(template: str, context: dict[str, Any]) -> str:  # Any: template context
    """Render a part of a mail; its times are in UTC, whosever page it is sent from."""
    with timezone.override(UTC):
        return render_to_string(template, context)


def deliver(mail: EmailMultiAlternatives, name: str) -> bool:
    """Hand a mail over; a mail server that is away is no reason to lose what the person did."""
    try:
        mail.send()
    except (SMTPException, OSError) as error:
        logger.error("mail %s was not sent: %s", name, error)
        return False
    return True


def message(subject: str, body: str, to: str) -> EmailMultiAlternatives:
    """Make a mail of a subject and a text."""
    subject = " ".join(subject.split())
    mail = EmailMultiAlternatives(subject, body.strip() + "\n", settings.DEFAULT_FROM_EMAIL, [to], headers=BY_ITSELF)
    paragraphs = [_part(paragraph.strip()) for paragraph in body.split("\n\n") if paragraph.strip()]
    context = {"subject": subject, "paragraphs": paragraphs, "product_name": settings.PRODUCT_NAME}
    mail.attach_alternative(render_to_string("mail/frame.html", context), "text/html")
    return mail


def _part(paragraph: str) -> dict[str, str]:
    is_link = paragraph.startswith(("http://", "https://")) and len(paragraph.split()) == 1
    return {"link": paragraph} if is_link else {"text": paragraph}
