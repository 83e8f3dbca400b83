"""Mails to people, noted with the act they tell of and sent by the queue: at least once, up to TRIES times.

So a mail server that is away holds up no page and no job.  To tell those who look after an account of something:

    outbox.tell_managers(account=account, name="webhook_disabled", reference=f"webhook:{pk}:{when}", url=url)

The template is `templates/mail/NAME.txt` (see accounts/mails.py); besides the words given it knows `account` (its name)
and `person`.  `reference` names what happened: whoever was told of it is not told again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models.functions import Now

from accounts import mails
from accounts.links import called
from accounts.models import Account, OutgoingMail, Role, User

logger = logging.getLogger(__name__)

PAUSES_MINUTES = (1, 5, 30, 120, 480)  # between the tries: an afternoon without mail loses nothing
TRIES = len(PAUSES_MINUTES) + 1
AT_ONCE = 100  # mails that one task sends
KEPT_DAYS = 7

Words = dict[str, Any]  # Any: JSON
Fill = Callable[[Words], Words | None]  # adds what is looked up when a mail is sent; None: there is nothing to tell

# Rows are dated by Django's Now(), which is the statement's time, not the transaction's.
CLAIM = """
UPDATE accounts_outgoingmail
SET tries = tries + 1,
    due_at = statement_timestamp() + make_interval(mins => (%(pauses)s::int[])[least(tries + 1, %(tries)s - 1)])
WHERE id = (SELECT id FROM accounts_outgoingmail
            WHERE sent_at IS NULL AND due_at <= statement_timestamp() AND tries < %(tries)s
            ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id
"""
NAMES: Any = {"pauses": list(PAUSES_MINUTES), "tries": TRIES}  # Any: parameters


def tell(*, people: Iterable[User], name: str, reference: str, **words: Any) -> None:  # Any: JSON
    """Note a mail to people; who was told of the same before is not told again."""
    noted = [OutgoingMail(person=person, name=name, reference=reference, words=words) for person in people]
    OutgoingMail.objects.bulk_create(noted, ignore_conflicts=True)


def tell_managers(*, account: Account, name: str, reference: str, **words: Any) -> None:  # Any: JSON
    """Note a mail to an account's owners and admins."""
    words = {"account": " ".join(account.name.split())} | words
    tell(people=managers_of(account), name=name, reference=reference, **words)


def managers_of(account: Account) -> list[User]:
    """Give the people who look after an account, those who may sign in."""
    memberships = account.memberships.filter(role__in=[Role.OWNER, Role.ADMIN], user__is_active=True)
    return [membership.user for membership in memberships.select_related("user").order_by("user")]


def are_due() -> bool:
    return OutgoingMail.objects.filter(sent_at=None, due_at__lte=Now(), tries__lt=TRIES).exists()


def send_due(fills: Mapping[str, Fill] | None = None) -> int:
    """Send what is due, and tell how many mails went out; one that fails is tried again later.

    `fills`: by the names of mails, what to look up for them.
    """
    sent = 0
    for _ in range(AT_ONCE):
        mail = _claim()
        if mail is None:
            break
        sent += _send(mail, (fills or {}).get(mail.name))
    return sent


def forget() -> None:
    """Delete what is past its days."""
    OutgoingMail.objects.filter(created_at__lt=Now() - timedelta(days=KEPT_DAYS)).delete()


def _claim() -> OutgoingMail | None:
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, NAMES)
        row = cursor.fetchone()
    return OutgoingMail.objects.select_related("person").get(pk=row[0]) if row else None


def _send(mail: OutgoingMail, fill: Fill | None) -> bool:
    """Tell whether it went out.  One that there is nothing to tell of any more counts as sent."""
    words = fill(mail.words) if fill else mail.words
    went = False
    if words is not None and mail.person.is_active:
        went = mails.send(mail.name, mail.person.email, words | {"person": called(mail.person)})
        if not went:
            if mail.tries >= TRIES:
                logger.error("mail %s was given up", mail)
            return False
    OutgoingMail.objects.filter(pk=mail.pk).update(sent_at=Now(), words={})
    return went
