from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verification.api.schema_bounces import POSTMARK, SENDGRID, SES, SNS
from verification.domain import bounce_json
from verification.domain.bounce_reading import NO_BOUNCE, SENDER_REFUSED, UNDER_WAY, NotABounce, Unreadable
from verification.models import SuppressionKind

HARD, SOFT, FULL, HAND = SuppressionKind.HARD, SuppressionKind.SOFT, SuppressionKind.FULL, SuppressionKind.HAND
Told = list[tuple[SuppressionKind | None, str] | str]


def told(document: object) -> Told:
    return [row.why if isinstance(row, Unreadable) else (row.kind, row.why) for row in bounce_json.read(document)]


def ses(kind: str, sub_type: str = "General", said: str = "", status: str = "") -> dict[str, Any]:  # Any: JSON
    recipient = {"emailAddress": "a@ok.test", "diagnosticCode": said, "status": status}
    bounce = {"bounceType": kind, "bounceSubType": sub_type, "bouncedRecipients": [recipient]}
    return {"eventType": "Bounce", "mail": {}, "bounce": bounce}


def sendgrid(event: str, **members: object) -> dict[str, object]:
    return {"email": "a@ok.test", "event": event} | members


def postmark(kind: str, details: str = "", record: str = "Bounce") -> dict[str, object]:
    return {"RecordType": record, "Type": kind, "Email": "a@ok.test", "Details": details}


COMPLAINT = {"eventType": "Complaint", "mail": {}}
ONE = [{"emailAddress": "a@ok.test"}]
CHANGE = {"RecordType": "SubscriptionChange", "Recipient": "a@ok.test"}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (SES, [(HARD, "550 5.1.1")]),
        (SNS, [(HARD, "550 5.1.1")]),
        (ses("Permanent"), [(HARD, "failed")]),
        (ses("Permanent", "NoEmail"), [(HARD, "failed")]),
        (ses("Permanent", "General", "smtp; 550 5.7.1 blocked as spam", "5.7.1"), [(None, SENDER_REFUSED)]),
        (ses("Permanent", "OnAccountSuppressionList"), [(HARD, "suppressed by Amazon SES")]),
        (ses("Permanent", "UnsubscribedRecipient"), [(HAND, "unsubscribed")]),
        (ses("Transient"), [(SOFT, "failed")]),
        (ses("Transient", "MailboxFull"), [(FULL, "mailbox full")]),
        (ses("Transient", "ContentRejected"), [(None, SENDER_REFUSED)]),
        (ses("Undetermined"), [(SOFT, "failed")]),
        (COMPLAINT | {"complaint": {"complainedRecipients": ONE}}, [(HAND, "complaint")]),
        (
            COMPLAINT | {"complaint": {"complainedRecipients": ONE, "complaintFeedbackType": "not-spam"}},
            [(None, "A report of not-spam is no complaint.")],
        ),
        ({"eventType": "Delivery", "mail": {"destination": ["a@ok.test"]}}, [(None, NO_BOUNCE)]),
        (COMPLAINT, ["A notification of this type must hold complainedRecipients."]),
        (
            COMPLAINT | {"complaint": {"complainedRecipients": [None, {}]}},
            ["Each of complainedRecipients must be an object.", "No recipient is named."],
        ),
        (SENDGRID, [(HARD, "550 5.1.1"), (HAND, "complaint")]),
        (sendgrid("bounce", type="blocked", reason="550 5.7.1 blocked"), [(None, SENDER_REFUSED)]),
        (sendgrid("bounce", type="blocked", reason="unable to get mx info"), [(None, SENDER_REFUSED)]),
        (sendgrid("bounce", reason="mailbox full", status="5.2.2"), [(FULL, "550 5.2.2")]),
        (sendgrid("dropped", reason="Bounced Address"), [(HARD, "dropped as bounced")]),
        (sendgrid("dropped", reason="Spam Reporting Address"), [(HAND, "complaint")]),
        (sendgrid("dropped", reason="Spam Content"), [(None, "It was dropped for what it is or who sent it.")]),
        (sendgrid("unsubscribe"), [(HAND, "unsubscribed")]),
        (sendgrid("deferred"), [(None, UNDER_WAY)]),
        (sendgrid("open"), [(None, NO_BOUNCE)]),
        (sendgrid("bounce") | {"email": None}, ["No recipient is named."]),
        (POSTMARK, [(HARD, "550 5.1.1")]),
        (postmark("HardBounce"), [(HARD, "failed")]),
        (postmark("HardBounce", "smtp;554 5.7.1 blocked"), [(None, SENDER_REFUSED)]),
        (postmark("SoftBounce", "452 4.2.2 over quota"), [(FULL, "452 4.2.2")]),
        (postmark("Transient"), [(SOFT, "failed")]),
        (postmark("Blocked"), [(None, SENDER_REFUSED)]),
        (postmark("SpamComplaint", record="SpamComplaint"), [(HAND, "complaint")]),
        (postmark("AutoResponder"), [(None, NO_BOUNCE)]),
        (postmark("", record="Open"), [(None, NO_BOUNCE)]),
        (CHANGE | {"SuppressSending": True, "SuppressionReason": "HardBounce"}, [(HARD, "suppressed by Postmark")]),
        (CHANGE | {"SuppressSending": False}, [(None, NO_BOUNCE)]),
        ([POSTMARK, {}], [(HARD, "550 5.1.1"), f"This is not {bounce_json.SHAPES}."]),
    ],
)
def test_read(event: object, expected: Told) -> None:
    assert told(event) == expected


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ([], "The document reports nothing."),
        (None, f"The document is not {bounce_json.SHAPES}."),
        ([{}, 1], f"The document is not {bounce_json.SHAPES}."),
        (
            {"Type": "SubscriptionConfirmation", "SubscribeURL": "https://x.test"},
            "Confirm the subscription in Amazon SNS first: nothing is opened from here.",
        ),
        ({"Type": "Notification", "Message": "{"}, "The Message of the SNS notification is not JSON."),
        ([sendgrid("open")] * 10_001, "A document has 10,000 reports at most."),
    ],
)
def test_what_is_no_bounce_is_said(document: object, why: str) -> None:
    with pytest.raises(NotABounce) as refusal:
        bounce_json.read(document)
    assert str(refusal.value) == why


SAMPLES = [SES, SENDGRID[0], POSTMARK, SNS, COMPLAINT | {"complaint": {"complainedRecipients": ONE}}, CHANGE]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def bent(value: Any, draw: st.DrawFn) -> Any:  # Any: JSON
    """Give a document with some of its members replaced by anything."""
    if draw(st.integers(0, 5)) == 0:
        return draw(ANYTHING)
    if isinstance(value, dict):
        return {name: bent(member, draw) for name, member in value.items()}
    return [bent(member, draw) for member in value] if isinstance(value, list) else value


@st.composite
def documents(draw: st.DrawFn) -> object:
    event = bent(draw(st.sampled_from(SAMPLES)), draw)
    wrapped = {"Type": "Notification", "Message": json.dumps(event)}
    return draw(st.sampled_from([event, [event], wrapped]))


@settings(max_examples=150, deadline=None)
@given(documents())
def test_any_document_is_read_or_refused(document: object) -> None:
    with suppress(NotABounce):
        assert bounce_json.read(document)
