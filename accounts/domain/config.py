"""Which toggles and limits hold for an account."""

from __future__ import annotations

from accounts.models import Account, AccountConfig


class FeatureDisabled(Exception):
    """A feature is off in the account's config."""

    def __init__(self, feature: str) -> None:
        super().__init__(f"Feature {feature} is disabled in AccountConfig for this account/domain")
        self.feature = feature


def config_of(account: Account, sending_domain: str = "") -> AccountConfig:
    """Give the sending domain's row, else the account's own, else an unsaved one with the defaults."""
    rows = AccountConfig.objects.filter(account=account, sending_domain__in={"", sending_domain.lower()})
    config = rows.order_by("-sending_domain").first()  # the empty name sorts last
    if config is None:
        return AccountConfig(account=account)
    config.account = account
    return config


def require(config: AccountConfig, feature: str) -> None:
    """Raise FeatureDisabled when a feature, named by its field, is off."""
    if not getattr(config, feature):
        raise FeatureDisabled(feature)
