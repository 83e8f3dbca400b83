from __future__ import annotations

from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from accounts.models import Account, User
from portal.public import views as public


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Send people to their account, staff without one to the admin; strangers see what this is."""
    if not isinstance(request.user, User):
        return public.landing(request)
    open_ones = request.user.memberships.exclude(account__status=Account.Status.CLOSED)
    memberships = list(open_ones.select_related("account").order_by("account__name"))
    if len(memberships) == 1:
        return redirect("dashboard", account=memberships[0].account.slug)
    if not memberships and request.user.is_staff:
        return redirect("admin:index")
    return render(request, "portal/choose_account.html", {"memberships": memberships})


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when the database answers, else 503."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return JsonResponse({"status": "no database"}, status=503, headers={"Retry-After": "5"})
    return JsonResponse({"status": "ok"})
