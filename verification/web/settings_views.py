"""Settings of an account that its people may look at: what staff switched on, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from accounts.domain import feature_requests
from accounts.domain.access import Permission
from accounts.domain.config import GROUPS, OF_DOMAINS, configs_of, steered_fields
from accounts.models import AccountConfig, FeatureRequest
from verification.web.access import AccountRequest, account_page, page
from verification.web.forms import AskForm
from verification.web.words import FEATURES


@dataclass(frozen=True, slots=True)
class ShownFeature:
    """A toggle or limit in plain words; `value` is empty for toggles."""

    name: str
    title: str
    words: str
    is_on: bool
    value: str
    is_asked: bool


@require_safe
@account_page(Permission.VIEW)
def features(request: AccountRequest) -> HttpResponseBase:
    """Show what holds for the account, in groups."""
    account = request.membership.account
    asked = set(FeatureRequest.objects.filter(account=account, answered_at=None).values_list("feature", flat=True))
    own, *domains = configs_of(account)
    rows = {feature.name: feature for feature in shown_features(own, asked)}
    groups = [(gettext(title), [rows[name] for name in names]) for title, names in GROUPS.items()]
    context = {
        "section": "settings",
        "tab": "features",
        "groups": groups,
        "domains": [(domain.sending_domain, differing(own, domain)) for domain in domains],
    }
    return page(request, "verification/features.html", context)


def differing(own: AccountConfig, domain: AccountConfig) -> list[ShownFeature]:
    """Give what is otherwise for jobs in the name of a sending domain."""
    return [
        feature
        for feature in shown_features(domain, set())
        if feature.name in OF_DOMAINS and getattr(own, feature.name) != getattr(domain, feature.name)
    ]


def shown_features(config: AccountConfig, asked: set[str]) -> list[ShownFeature]:
    shown = []
    for field in steered_fields():
        value = getattr(config, field.name)
        is_on = bool(value)
        shown.append(
            ShownFeature(
                field.name, str(FEATURES[field.name]), str(field.help_text), is_on, text_of(value), field.name in asked
            )
        )
    return shown


def text_of(value: object) -> str:
    """Give a limit or a list as people read it; "" for a toggle."""
    if isinstance(value, bool):
        return ""
    if isinstance(value, list):
        return ", ".join(value) or gettext("none")
    return f"{value:,}"


@require_POST
@account_page(Permission.MANAGE_ACCOUNT)
def ask_for_feature(request: AccountRequest) -> HttpResponseBase:
    """Ask staff for a feature or a higher limit."""
    account = request.membership.account
    form = AskForm(request.POST)
    if not form.is_valid():
        raise Http404
    try:
        feature_requests.ask_for(
            account=account,
            user=request.user,
            feature=form.cleaned_data["feature"],
            note=form.cleaned_data["note"],
            now=timezone.now(),
        )
    except feature_requests.UnknownFeature:
        raise Http404 from None
    except feature_requests.AskedAlready:
        messages.info(request, gettext("You asked for this already; the answer comes by mail."))
    except feature_requests.TooManyRequests:
        enough = gettext("That was enough for today: %(number)s requests a day can be sent.")
        messages.warning(request, enough % {"number": feature_requests.A_DAY})
    else:
        messages.success(request, gettext("We have your request and will answer by mail."))
    return redirect("features", account=account.slug)
