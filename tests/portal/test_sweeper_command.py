from __future__ import annotations

import pytest
from django.db import connection

from portal.management.commands.sweeper import sweep_once
from verification.domain.sweeper import Sweeper


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    connection.close()
    with monkeypatch.context() as away:
        away.setitem(connection.settings_dict, "PORT", "1")
        sweep_once(Sweeper())
    assert [record.getMessage() for record in caplog.records] == ["sweep failed, next try in 1 s"]
    caplog.clear()
    sweep_once(Sweeper())
    assert caplog.records == []
