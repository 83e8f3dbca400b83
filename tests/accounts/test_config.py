from __future__ import annotations

import pytest

from accounts.domain.config import FeatureDisabled, config_of, require
from accounts.models import AccountConfig
from tests.factories import make_account

pytestmark = pytest.mark.django_db


def test_config_of_the_account() -> None:
    account = make_account(exports=False)
    AccountConfig.objects.create(account=account, sending_domain="other.example")
    assert config_of(account) == config_of(account, "news.example") == account.configs.get(sending_domain="")


def test_config_of_a_sending_domain_comes_first() -> None:
    account = make_account(exports=False)
    row = AccountConfig.objects.create(account=account, sending_domain="news.example")
    assert config_of(account, "News.Example") == row


def test_config_of_another_account_does_not_count() -> None:
    account = make_account()
    AccountConfig.objects.create(account=make_account(), sending_domain="news.example", exports=False)
    assert config_of(account, "news.example") == account.configs.get()


def test_config_without_a_row_has_the_defaults() -> None:
    account = make_account()
    account.configs.all().delete()
    config = config_of(account)
    assert config.pk is None
    assert (config.account, config.verification_api, config.deadline_seconds) == (account, True, 75)


def test_require_lets_through() -> None:
    require(config_of(make_account()), "exports")


def test_require_refuses() -> None:
    with pytest.raises(FeatureDisabled) as refusal:
        require(config_of(make_account(exports=False)), "exports")
    assert refusal.value.feature == "exports"
    assert str(refusal.value) == "Feature exports is disabled in AccountConfig for this account/domain"


def test_require_of_no_such_feature_is_a_bug() -> None:
    with pytest.raises(AttributeError):
        require(config_of(make_account()), "teleport")
