from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from tests.factories import make_staff


@pytest.fixture
def staff() -> User:
    return make_staff()


@pytest.fixture
def page(client: Client, staff: User) -> Client:
    client.force_login(staff)
    return client
