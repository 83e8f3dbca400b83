"""A delivery whose endpoint is switched off, sent again by hand."""

from __future__ import annotations

import pytest

from accounts.models import Account
from tests.verification.factories import make_job
from tests.verification.webhooks.receiver import OK, Receiver, status
from tests.verification.webhooks.test_sender import account, receiver, statuses, work_off
from verification.domain.webhooks import endpoints
from verification.domain.webhooks.endpoints import Notification
from verification.models import WebhookEndpoint, WebhookState

__all__ = ["account", "receiver"]  # fixtures

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_job_s_own_endpoint_is_switched_on_by_sending_again(account: Account, receiver: Receiver) -> None:
    job = make_job(["jane@ok.test"], account=account)
    endpoint = endpoints.attach(job=job, notification=Notification(receiver.url, {}))
    delivery = endpoints.send_test(endpoint=endpoint)
    receiver.answers = [status(410), OK]
    work_off()
    assert WebhookEndpoint.objects.get().state == WebhookState.DISABLED
    assert endpoints.replay(delivery=delivery, actor=None)
    work_off()
    assert (WebhookEndpoint.objects.get().fault, statuses()) == ("", [410, 200])


def test_what_is_switched_off_is_not_sent_again(account: Account, receiver: Receiver) -> None:
    endpoint, _ = endpoints.create(account=account, url=receiver.url, actor=None)
    delivery = endpoints.send_test(endpoint=endpoint)
    work_off()
    endpoints.disable(endpoint=endpoint, actor=None)
    with pytest.raises(endpoints.SwitchedOff):
        endpoints.replay(delivery=delivery, actor=None)
    work_off()
    assert statuses() == [200]
