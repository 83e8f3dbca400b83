from __future__ import annotations

from django.urls import path

from portal.public import views

urlpatterns = [
    path("docs/", views.docs, name="docs"),
    path("docs/verdicts", views.verdicts, name="verdicts"),
    path("docs/<slug:name>", views.doc, name="doc"),
    path("status", views.status, name="status"),
    path("terms", views.terms, name="terms"),
    path("privacy", views.privacy, name="privacy"),
]
