"""The mailbox of development.  Whoever tries the product out opens it to follow the link in a mail it has just sent."""

from __future__ import annotations

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from portal import mailbox

STYLES_ONLY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'"


@require_safe
def all_mail(request: HttpRequest) -> HttpResponse:
    return render(request, "portal/mailbox.html", {"letters": mailbox.letters()[:50]})


@require_safe
def one_mail(request: HttpRequest, name: str) -> HttpResponse:
    letter = mailbox.read(name)
    if letter is None:
        raise Http404
    return render(request, "portal/mail.html", {"letter": letter})


@require_safe
def as_html(request: HttpRequest, name: str) -> HttpResponse:
    """Show a mail as mail programs do, with its own styles and nothing that runs."""
    letter = mailbox.read(name)
    if letter is None or not letter.html:
        raise Http404
    return HttpResponse(letter.html, headers={"Content-Security-Policy": STYLES_ONLY})


def urls() -> list[URLPattern]:
    """Give the pages' routes, for staff only."""
    return [
        path("admin/mail/", admin.site.admin_view(all_mail), name="mailbox"),
        path("admin/mail/<str:name>/html", admin.site.admin_view(as_html), name="mail_html"),
        path("admin/mail/<str:name>/", admin.site.admin_view(one_mail), name="mail"),
    ]
