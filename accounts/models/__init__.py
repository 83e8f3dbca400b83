"""Who may do how much: people, accounts, keys, toggles, quota and ledger."""

from accounts.models.account import Account, Membership, Role
from accounts.models.audit import AuditEntry
from accounts.models.config import AccountConfig
from accounts.models.feature_request import FeatureRequest
from accounts.models.guess import Guess
from accounts.models.invitation import Invitation
from accounts.models.key import KeyKind, LicenseKey, Scope
from accounts.models.outbox import OutgoingMail
from accounts.models.public_text import PublicText
from accounts.models.quota import Credit, LedgerEntry, LedgerKind, QuotaNotice, QuotaPeriod, Reservation
from accounts.models.usage import AccountUsage, KeyUsage
from accounts.models.user import User

__all__ = [
    "Account",
    "AccountConfig",
    "AccountUsage",
    "AuditEntry",
    "Credit",
    "FeatureRequest",
    "Guess",
    "Invitation",
    "KeyKind",
    "KeyUsage",
    "LedgerEntry",
    "LedgerKind",
    "LicenseKey",
    "Membership",
    "OutgoingMail",
    "PublicText",
    "QuotaNotice",
    "QuotaPeriod",
    "Reservation",
    "Role",
    "Scope",
    "User",
]
