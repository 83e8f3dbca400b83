"""Settings that are wrong fail at start, in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOOD = {
    "PATH": os.defpath,
    "ENV_FILE": os.devnull,
    "SECRET_KEY": "k" * 60,
    "DATABASE_URL": "postgres://portal@127.0.0.1:1/portal",
}
SHOW = "from portal import settings; print(settings.MAIL_WORLD, settings.DATABASES['default']['OPTIONS']['options'])"


def load(changes: dict[str, str], show: str = SHOW) -> subprocess.CompletedProcess[str]:
    given = {name: value for name, value in {**GOOD, **changes}.items() if value}
    return subprocess.run([sys.executable, "-c", show], cwd=ROOT, env=given, capture_output=True, text=True)


def test_good_settings_load() -> None:
    done = load({"PORTAL_ROLE": "web"})
    times = "-c statement_timeout=15000 -c idle_in_transaction_session_timeout=10000"
    assert done.stdout == f"True {times} -c application_name=portal-web\n"


def test_tls_of_the_database_is_kept_on_every_road() -> None:
    show = (
        "import django; django.setup(); from django.db import connection;"
        "from verification.domain.database import connection_kwargs;"
        "print(connection.settings_dict['OPTIONS']['sslmode'], connection_kwargs('drain')['sslmode'])"
    )
    url = {"DATABASE_URL": GOOD["DATABASE_URL"] + "?sslmode=verify-full", "DJANGO_SETTINGS_MODULE": "portal.settings"}
    assert load(url, show).stdout == "verify-full verify-full\n"


def test_the_queue_is_in_postgres_unless_redis_is_named() -> None:
    show = "from portal.settings import Q_CLUSTER as q; print(q.get('orm'), q.get('broker_class'), q.get('redis'))"
    assert load({}, show).stdout == "default None None\n"
    assert load({"Q_BROKER": "redis://r:1/2"}, show).stdout == "None portal.redis_bells.RedisBells redis://r:1/2\n"


def test_each_machine_has_a_queue_of_its_own() -> None:
    show = "from portal.settings import Q_CLUSTER; print(Q_CLUSTER['cluster_name'])"
    names = [load({"PORTAL_DATA": folder}, show).stdout for folder in ("/a", "/a", "/b")]
    assert names[0] == names[1] != names[2]


def test_secrets_may_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("f" * 60)
    assert load({"SECRET_KEY": "", "SECRET_KEY_FILE": str(tmp_path / "key")}).returncode == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY is not set"),
        ({"DATABASE_URL": ""}, "DATABASE_URL is not set"),
        ({"DATABASE_URL": "sqlite:///x"}, "must name a Postgres database"),
        ({"Q_BROKER": "amqp://queue"}, "Q_BROKER must be redis://… or rediss://…"),
        ({"PORTAL_ROLE": "king"}, "PORTAL_ROLE is 'king'"),
        ({"PRODUCTION": "1", "MAIL_WORLD": "1"}, "not in production"),
        ({"PRODUCTION": "1", "ALLOWED_NETWORKS": "10.0.0.0/8"}, "not in production"),
        ({"PRODUCTION": "1", "WEBHOOKS_ANYWHERE": "1"}, "not in production"),
        ({"PRODUCTION": "1", "FAILPOINT": "flush_locked"}, "not in production"),
        ({"PRODUCTION": "1", "KILLERS": "1"}, "not in production"),
        ({"PRODUCTION": "1", "EMAIL_BACKEND": "portal.mailbox.Mailbox"}, "not in production"),
        ({"SIGN_UP": "maybe"}, "SIGN_UP is 'maybe'"),
    ],
)
def test_bad_settings_are_refused(changes: dict[str, str], words: str) -> None:
    done = load(changes)
    assert done.returncode == 1
    assert words in done.stderr
