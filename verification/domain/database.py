"""Plain psycopg connections for event loops, which the ORM must not enter."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connection


def connection_kwargs(role: str) -> dict[str, Any]:  # Any: libpq's parameters
    """Give psycopg.connect() the database that Django is using, with the time-outs of a role."""
    database = connection.settings_dict
    statement, idle = settings.ROLE_TIMEOUTS_MS[role]
    tls = {name: value for name, value in database["OPTIONS"].items() if name.startswith("ssl")}
    return {
        "dbname": database["NAME"],
        "user": database["USER"],
        "password": database["PASSWORD"],
        "host": database["HOST"],
        "port": database["PORT"] or 5432,
        "options": f"-c statement_timeout={statement} -c idle_in_transaction_session_timeout={idle}",
        "application_name": f"portal-{role}",
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        **tls,
    }
