"""Webhooks of an account: where events go, the secrets, and what became of each delivery.

Who comes here is a programmer who sets a receiver up, or somebody whose receiver hears nothing: they must see at one
glance whether it works, why not, and send the same again.
"""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from accounts.domain.access import Permission
from accounts.domain.config import FeatureDisabled
from verification.domain.webhooks import endpoints
from verification.domain.webhooks.deliveries import TRIES
from verification.domain.webhooks.endpoints import EventsUnfit, TooManyEndpoints
from verification.domain.webhooks.targets import UrlUnfit
from verification.models import DeliveryState, EventType, WebhookEndpoint, WebhookState
from verification.web.access import AccountRequest, account_page, page
from verification.web.forms import WebhookForm
from verification.web.words import _

ROWS = 50
EXPLAINED = {  # what a beginner asks of each
    EventType.DROPPED: _("a row was not taken"),
    EventType.STARTED: _("work on a job began"),
    EventType.VERIFIED: _("a row has its verdict"),
    EventType.DEFERRED: _("a row is to be tried again"),
    EventType.PROCESSED: _("a job is done"),
}


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Permission.MANAGE_WEBHOOKS)
def webhooks(request: AccountRequest) -> HttpResponseBase:
    """List the endpoints and the newest deliveries; POST adds an endpoint and shows its secret."""
    account = request.membership.account
    form = WebhookForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = endpoints.create(account=account, actor=request.user, **form.cleaned_data)
        except UrlUnfit as fault:
            form.add_error("url", str(fault))
        except EventsUnfit as fault:
            form.add_error("events", str(fault))
        except TooManyEndpoints:
            form.add_error(None, gettext("An account has at most %(most)s endpoints.") % {"most": endpoints.MOST})
        except FeatureDisabled:
            form.add_error(
                None, gettext("Webhooks are switched off for this account. Ask for them on the page of features.")
            )
        else:
            return secret_page(request, secret, made.url)
    return list_page(request, form, status=422 if form.errors else 200)


def list_page(request: AccountRequest, form: WebhookForm, status: int = 200) -> HttpResponse:
    account = request.membership.account
    log = endpoints.deliveries_of(account)
    state = request.GET.get("state", "")
    if state in DeliveryState.values:
        log = log.filter(state=state)
    context = {
        "section": "settings",
        "tab": "webhooks",
        "form": form,
        "kinds": kinds_of(form),
        "rows": list(endpoints.endpoints_of(account)),
        "most": endpoints.MOST,
        "state": state,
        "states": DeliveryState.choices,
        "page": Paginator(log, ROWS).get_page(request.GET.get("page")),
        "tries": TRIES,
    }
    return page(request, "verification/webhooks.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Permission.MANAGE_WEBHOOKS)
def webhook(request: AccountRequest, webhook_id: UUID) -> HttpResponseBase:
    """Show an endpoint; POST changes it."""
    found = endpoint_of(request, webhook_id)
    shown = {"url": found.url, "events": found.events, "description": found.description}
    form = WebhookForm(request.POST or None, initial=shown)
    if request.method == "POST" and form.is_valid():
        try:
            endpoints.change(endpoint=found, actor=request.user, **form.cleaned_data)
        except UrlUnfit as fault:
            form.add_error("url", str(fault))
        except EventsUnfit as fault:
            form.add_error("events", str(fault))
        else:
            return back(request, "The webhook is saved.")
    context = {
        "section": "settings",
        "tab": "webhooks",
        "form": form,
        "kinds": kinds_of(form),
        "endpoint": found,
        "is_active": found.state == WebhookState.ACTIVE,
        "log": endpoints.deliveries_of(found.account).filter(endpoint=found)[:ROWS],
        "tries": TRIES,
    }
    return page(request, "verification/webhook.html", context, status=422 if form.errors else 200)


@require_POST
@account_page(Permission.MANAGE_WEBHOOKS)
def renew_secret(request: AccountRequest, webhook_id: UUID) -> HttpResponseBase:
    """Give an endpoint a new secret, and show it this once."""
    found = endpoint_of(request, webhook_id)
    return secret_page(request, endpoints.rotate(endpoint=found, actor=request.user), found.url, renewed=True)


@require_POST
@account_page(Permission.MANAGE_WEBHOOKS)
def renew_notification_secret(request: AccountRequest) -> HttpResponseBase:
    """Give what signs the webhooks of jobs a new secret, and show it this once."""
    account = request.membership.account
    secret = endpoints.rotate_notifications(account=account, actor=request.user)
    return secret_page(request, secret, "what jobs send by notification", renewed=True)


@require_POST
@account_page(Permission.MANAGE_WEBHOOKS)
def send_test(request: AccountRequest, webhook_id: UUID) -> HttpResponseBase:
    """Send a message without notifications."""
    endpoints.send_test(endpoint=endpoint_of(request, webhook_id))
    return back(request, "A test is on its way; look for it below in a moment.")


@require_POST
@account_page(Permission.MANAGE_WEBHOOKS)
def switch(request: AccountRequest, webhook_id: UUID) -> HttpResponseBase:
    """Switch an endpoint on or off, as the form says: sent twice it does the same."""
    found = endpoint_of(request, webhook_id)
    if request.POST.get("to") == "on":
        endpoints.enable(endpoint=found, actor=request.user)
        return back(request, "It is on; what it missed is sent first.")
    endpoints.disable(endpoint=found, actor=request.user)
    return back(request, "It is off. What happens meanwhile is kept for it.")


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Permission.MANAGE_WEBHOOKS)
def remove(request: AccountRequest, webhook_id: UUID) -> HttpResponseBase:
    """Ask whether an endpoint is to go; POST removes it."""
    found = endpoint_of(request, webhook_id)
    if request.method == "POST":
        endpoints.remove(endpoint=found, actor=request.user)
        return back(request, "The webhook is removed.")
    context = {"section": "settings", "tab": "webhooks", "endpoint": found}
    return page(request, "verification/webhook_remove.html", context)


@require_POST
@account_page(Permission.MANAGE_WEBHOOKS)
def replay(request: AccountRequest, delivery_id: UUID) -> HttpResponseBase:
    """Send a delivery again."""
    found = endpoints.deliveries_of(request.membership.account).filter(pk=delivery_id).first()
    if found is None:
        raise Http404
    try:
        is_sent = endpoints.replay(delivery=found, actor=request.user)
    except endpoints.SwitchedOff as error:
        return back(request, refusal=str(error))
    if is_sent:
        return back(request, "It is on its way again.")
    return back(request, refusal="It is on its way at this moment; nothing was done.")


def endpoint_of(request: AccountRequest, webhook_id: UUID) -> WebhookEndpoint:
    """Give an endpoint of this account.  Raises Http404."""
    account = request.membership.account
    found = endpoints.endpoints_of(account).select_related("account").filter(pk=webhook_id).first()
    if found is None:
        raise Http404
    return found


def kinds_of(form: WebhookForm) -> list[tuple[str, str, bool]]:
    """Give the types of events, what they tell, and whether they are ticked."""
    chosen = form["events"].value() or []
    return [(kind.value, words, kind.value in chosen) for kind, words in EXPLAINED.items()]


def secret_page(request: AccountRequest, secret: str, of: str, *, renewed: bool = False) -> HttpResponse:
    context = {"section": "settings", "tab": "webhooks", "secret": secret, "of": of, "renewed": renewed}
    return page(request, "verification/webhook_secret.html", context)


def back(request: AccountRequest, done: str = "", *, refusal: str = "") -> HttpResponse:
    if done:
        messages.success(request, done)
    else:
        messages.error(request, refusal)
    return redirect("webhooks", account=request.membership.account.slug)
