"""Routes below /api/."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from verification.api import (
    account,
    accuracy,
    bounces,
    domains,
    erasures,
    errors,
    events,
    job_exports,
    job_results,
    job_steering,
    jobs,
    keys,
    live_stub,
    stubs,
    suppressions,
    usage,
    webhooks,
)

OPEN: dict[str, list[type]] = {"permission_classes": [], "authentication_classes": []}

urlpatterns: list[URLPattern] = [
    path("emh/a/v2", live_stub.LiveStub.as_view(), name="api-live"),
    path("emh/a/v2/sandbox", live_stub.SandboxStub.as_view(), name="api-live-sandbox"),
    path("v1/verify", stubs.VerifyStub.as_view(), name="api-verify"),
    path("v1/jobs", jobs.JobsView.as_view(), name="api-jobs"),
    path("v1/jobs/<uuid:job_id>", jobs.JobView.as_view(), name="api-job"),
    path("v1/jobs/<uuid:job_id>/pause", job_steering.PauseView.as_view(), name="api-pause-job"),
    path("v1/jobs/<uuid:job_id>/resume", job_steering.ResumeView.as_view(), name="api-resume-job"),
    path("v1/jobs/<uuid:job_id>/cancel", job_steering.CancelView.as_view(), name="api-cancel-job"),
    path("v1/jobs/<uuid:job_id>/results", job_results.ResultsView.as_view(), name="api-results"),
    path("v1/jobs/<uuid:job_id>/events", events.JobEventsView.as_view(), name="api-job-events"),
    path("v1/events", events.EventsView.as_view(), name="api-events"),
    path("v1/jobs/<uuid:job_id>/export.csv", job_exports.CsvView.as_view(), name="api-export-csv"),
    path("v1/jobs/<uuid:job_id>/export.xlsx", job_exports.XlsxView.as_view(), name="api-export-xlsx"),
    path("v1/jobs/<uuid:job_id>/export.jsonl", job_exports.JsonlView.as_view(), name="api-export-jsonl"),
    path("v1/account", account.AccountView.as_view(), name="api-account"),
    path("v1/quota", account.QuotaView.as_view(), name="api-quota"),
    path("v1/domains", domains.DomainsView.as_view(), name="api-domains"),
    path("v1/usage", usage.UsageView.as_view(), name="api-usage"),
    path("v1/erasures", erasures.ErasuresView.as_view(), name="api-erasures"),
    path("v1/erasures/<uuid:erasure_id>", erasures.ErasureView.as_view(), name="api-erasure"),
    path("v1/accuracy", accuracy.AccuracyView.as_view(), name="api-accuracy"),
    path("v1/bounces", bounces.BouncesView.as_view(), name="api-bounces"),
    path("v1/suppressions", suppressions.SuppressionsView.as_view(), name="api-suppressions"),
    path("v1/suppressions/import", suppressions.ImportView.as_view(), name="api-import-suppressions"),
    path("v1/suppressions/export.csv", suppressions.ExportView.as_view(), name="api-export-suppressions"),
    path("v1/suppressions/<int:suppression_id>", suppressions.SuppressionView.as_view(), name="api-suppression"),
    path("v1/webhooks", webhooks.WebhooksView.as_view(), name="api-webhooks"),
    path("v1/webhooks/deliveries", webhooks.DeliveriesView.as_view(), name="api-deliveries"),
    path("v1/webhooks/deliveries/<uuid:delivery_id>/replay", webhooks.ReplayView.as_view(), name="api-replay"),
    path(
        "v1/webhooks/notification-secret",
        webhooks.NotificationSecretView.as_view(),
        name="api-notification-secret",
    ),
    path("v1/webhooks/<uuid:webhook_id>", webhooks.WebhookView.as_view(), name="api-webhook"),
    path("v1/webhooks/<uuid:webhook_id>/secret", webhooks.SecretView.as_view(), name="api-webhook-secret"),
    path("v1/webhooks/<uuid:webhook_id>/test", webhooks.TestView.as_view(), name="api-webhook-test"),
    path("v1/keys", keys.KeysView.as_view(), name="api-keys"),
    path("v1/keys/<int:key_id>", keys.KeyView.as_view(), name="api-key"),
    path("v1/keys/<int:key_id>/rotate", keys.RotationView.as_view(), name="api-rotate-key"),
    path("schema", SpectacularAPIView.as_view(**OPEN), name="api-schema"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="api-schema", **OPEN), name="api-docs"),
    re_path("", errors.not_found),
]
