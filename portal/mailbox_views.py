"""The mailbox of development.  Whoever tries the product out opens it to follow the link in a mail it has just sent."""

from __future__ import annotations

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from portal import mailbox


@require_safe
def all_mail(request: HttpRequest) -> HttpResponse:
    return render(request, "portal/mailbox.html", {"letters": mailbox.letters()[:50]})


@require_safe
def one_mail(request: HttpRequest, name: str) -> HttpResponse:
    letter = mailbox.read(name)
    if letter is None:
        raise Http404
    return render(request, "portal/mail.html", {"letter": letter})


def urls() -> list[URLPattern]:
    """Give the pages' routes, for staff only."""
    return [
        path("admin/mail/", admin.site.admin_view(all_mail), name="mailbox"),
        path("admin/mail/<str:name>/", admin.site.admin_view(one_mail), name="mail"),
    ]
