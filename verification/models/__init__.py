"""The rows that are the truth: jobs, checks, batches, results, events."""

from verification.models.batch import Batch
from verification.models.bounce import Bounce
from verification.models.check import SORTED_ADDRESS, Check, Classifier
from verification.models.daily import DailyTally, PendingTally, TallySource
from verification.models.do_not_probe import DoNotProbe
from verification.models.erasure import Erasure
from verification.models.event import Event, EventType
from verification.models.fact import DomainFact
from verification.models.finding import Finding, FindingState, Subject
from verification.models.idempotency import IdempotencyRecord
from verification.models.job import Job, JobSource, JobStatus, Tally
from verification.models.known import KnownMailbox, KnownRows
from verification.models.pacing import Organisation, PacingGrant
from verification.models.prepared import PreparedFile, PreparedState
from verification.models.result import CheckResult
from verification.models.sample import Sample
from verification.models.saved_filter import SavedFilter
from verification.models.sending import CheckKind, DomainCheck, LastCheck, SendingDomain
from verification.models.suppression import Suppression, SuppressionKind, SuppressionSource
from verification.models.upload import Upload
from verification.models.webhook import (
    DeliveryState,
    NotificationSecrets,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookState,
)

__all__ = [
    "SORTED_ADDRESS",
    "Batch",
    "Bounce",
    "Check",
    "CheckKind",
    "CheckResult",
    "Classifier",
    "DailyTally",
    "DeliveryState",
    "DoNotProbe",
    "DomainCheck",
    "DomainFact",
    "Erasure",
    "Event",
    "EventType",
    "Finding",
    "FindingState",
    "IdempotencyRecord",
    "Job",
    "JobSource",
    "JobStatus",
    "KnownMailbox",
    "KnownRows",
    "LastCheck",
    "NotificationSecrets",
    "Organisation",
    "PacingGrant",
    "PendingTally",
    "PreparedFile",
    "PreparedState",
    "Sample",
    "SavedFilter",
    "SendingDomain",
    "Subject",
    "Suppression",
    "SuppressionKind",
    "SuppressionSource",
    "Tally",
    "TallySource",
    "Upload",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookState",
]
