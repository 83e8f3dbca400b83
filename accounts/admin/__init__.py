"""The staff's view of people, accounts, keys and quota."""

from accounts.admin import account, config, invitations, keys, log, quota, users

__all__ = ["account", "config", "invitations", "keys", "log", "quota", "users"]
