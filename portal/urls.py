"""All routes; the live check's are in portal/asgi.py."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from accounts.web import invitation_views, person_views
from portal import mailbox_views, views

urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("accounts/", include("allauth.urls")),
    *(mailbox_views.urls() if settings.HAS_MAILBOX else []),
    path("admin/", admin.site.urls),
    path("you/", person_views.you, name="you"),
    path("you/mails", person_views.mails, name="your_mails"),
    path("invitations/<str:token>", invitation_views.invitation, name="invitation"),
    path("", include("portal.public.urls")),
    path("a/<slug:account>/", include("accounts.web.urls")),
    path("a/<slug:account>/", include("verification.web.urls")),
    path("api/", include("verification.api.urls")),
]

handler500 = "portal.failures.failed"
