"""Pages of an account, below /a/<account>/."""

from __future__ import annotations

from django.urls import path

from verification.web import (
    check_views,
    domain_views,
    erasure_views,
    job_views,
    list_views,
    quota_views,
    settings_views,
    suppression_views,
    upload_views,
    verify_views,
    webhook_views,
)

urlpatterns = [
    path("lists", list_views.all_lists, name="lists"),
    path("lists/new", list_views.new_list, name="new_list"),
    path("uploads/<uuid:upload_id>", upload_views.upload, name="upload"),
    path("jobs/<uuid:job_id>", job_views.job, name="job"),
    path("jobs/<uuid:job_id>/progress", job_views.progress, name="job_progress"),
    path("jobs/<uuid:job_id>/chart.json", job_views.chart, name="job_chart"),
    path("jobs/<uuid:job_id>/export.csv", job_views.export, {"kind": "csv"}, name="job_export"),
    path("jobs/<uuid:job_id>/export.xlsx", job_views.export, {"kind": "xlsx"}, name="job_export_xlsx"),
    path("jobs/<uuid:job_id>/export.jsonl", job_views.export, {"kind": "jsonl"}, name="job_export_jsonl"),
    path("jobs/<uuid:job_id>/delete", job_views.delete, name="delete_job"),
    path("jobs/<uuid:job_id>/pause", job_views.act, {"action": "pause"}, name="pause_job"),
    path("jobs/<uuid:job_id>/resume", job_views.act, {"action": "resume"}, name="resume_job"),
    path("jobs/<uuid:job_id>/cancel", job_views.act, {"action": "cancel"}, name="cancel_job"),
    path("verify", verify_views.verify, name="verify"),
    path("checks", check_views.checks, name="checks"),
    path("checks/<int:check_id>", verify_views.check, name="check"),
    path("usage", quota_views.quota, name="quota"),
    path("domains", domain_views.domains, name="domains"),
    path("domains/<int:domain_id>", domain_views.domain, name="domain"),
    path("domains/<int:domain_id>/check", domain_views.check, name="check_domain"),
    path("domains/<int:domain_id>/key", domain_views.change_key, name="domain_key"),
    path("domains/<int:domain_id>/remove", domain_views.remove, name="remove_domain"),
    path("suppression", suppression_views.suppression, name="suppression"),
    path("suppression/import", suppression_views.import_suppressions, name="import_suppressions"),
    path("suppression/export.csv", suppression_views.export_suppressions, name="export_suppressions"),
    path("suppression/<int:suppression_id>/remove", suppression_views.unsuppress, name="unsuppress"),
    path("settings/webhooks", webhook_views.webhooks, name="webhooks"),
    path("settings/webhooks/secret", webhook_views.renew_notification_secret, name="renew_notification_secret"),
    path("settings/webhooks/deliveries/<uuid:delivery_id>/again", webhook_views.replay, name="replay_delivery"),
    path("settings/webhooks/<uuid:webhook_id>", webhook_views.webhook, name="webhook"),
    path("settings/webhooks/<uuid:webhook_id>/secret", webhook_views.renew_secret, name="renew_webhook_secret"),
    path("settings/webhooks/<uuid:webhook_id>/test", webhook_views.send_test, name="test_webhook"),
    path("settings/webhooks/<uuid:webhook_id>/switch", webhook_views.switch, name="switch_webhook"),
    path("settings/webhooks/<uuid:webhook_id>/remove", webhook_views.remove, name="remove_webhook"),
    path("settings/features", settings_views.features, name="features"),
    path("settings/erase", erasure_views.erase, name="erase"),
    path("settings/features/ask", settings_views.ask_for_feature, name="ask_for_feature"),
]
