"""Redis in place of Postgres for the bells (Q_BROKER): django-q2's broker, but one that nobody waits for."""

from __future__ import annotations

from django.conf import settings
from django_q.brokers.redis_broker import Redis as RedisBroker
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

CONNECT_SECONDS = 1.0  # a customer's request may be waiting
ANSWER_SECONDS = 3.0  # more than the second for which the broker itself waits for a bell


class RedisBells(RedisBroker):  # type: ignore[misc]  # django-q2 has no types
    """Fails at once where Redis is away: the sweeper rings again."""

    @staticmethod
    def get_connection(list_key: str | None = None) -> Redis:  # noqa: ARG004  # as django-q2 calls it
        return Redis.from_url(
            settings.Q_BROKER,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
