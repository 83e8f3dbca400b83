"""License keys of an account.  Owners and admins come to give a program a key, to see which keys are still used and
from where, and, in a hurry, to take one away.
"""

from __future__ import annotations

import shlex
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.domain import keys
from accounts.domain.access import Permission
from accounts.domain.config import config_of
from accounts.links import link_to
from accounts.models import KeyKind, LicenseKey, Scope
from accounts.web.access import AccountRequest, account_page, page
from accounts.web.key_forms import USUAL_OVERLAP, KeyForm, NewKeyForm, RotateForm

OVER_AT_MOST = 50  # keys that are revoked or expired, shown below the others
IS_OVER = gettext_lazy("This key is revoked or expired: it cannot be changed any more.")


@require_safe
@account_page(Permission.MANAGE_KEYS)
def all_keys(request: AccountRequest) -> HttpResponseBase:
    """Show the keys that are in force, and the newest of those that are over."""
    account, now = request.membership.account, timezone.now()
    found = keys.keys_of(account=account).select_related("created_by", "revoked_by")
    context = {
        "section": "keys",
        "keys": [(key, key.has_two_secrets(now)) for key in found.in_force()],
        "over": [(key, key.state(now)) for key in found.over()[:OVER_AT_MOST]],
        "limit": config_of(account).license_keys,
        "now": now,
    }
    return page(request, "accounts/keys.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Permission.MANAGE_KEYS)
def new_key(request: AccountRequest) -> HttpResponseBase:
    """Ask what a key is for; POST makes it and shows its secret."""
    account = request.membership.account
    form = NewKeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        kind = form.cleaned_data["kind"]
        try:
            key, secret = keys.create_key(
                account=account, kind=kind, actor=request.user, now=timezone.now(), **form.rules()
            )
        except keys.KeyFaulty as fault:
            form.add_error(fault.field, str(fault))
        except keys.TooManyKeys as refusal:
            form.add_error(None, str(refusal))
        else:
            return secret_page(request, key, secret)
    return page(request, "accounts/key_new.html", {"section": "keys", "form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Permission.MANAGE_KEYS)
def key(request: AccountRequest, key_id: int) -> HttpResponseBase:
    """Show what a key may do; POST changes it."""
    found = key_of(request, key_id)
    form = KeyForm(request.POST) if request.method == "POST" else KeyForm.showing(found)
    if request.method == "POST" and form.is_valid():
        try:
            keys.change_key(key=found, actor=request.user, now=timezone.now(), **form.rules())
        except keys.KeyFaulty as fault:
            form.add_error(fault.field, str(fault))
        except keys.KeyOver:
            return back(request, refusal=str(IS_OVER))
        else:
            return back(request, gettext("%(name)s is saved.") % {"name": found.name})
    context = {"section": "keys", "form": form, "key": found, "state": found.state(timezone.now())}
    return page(request, "accounts/key.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Permission.MANAGE_KEYS)
def rotate(request: AccountRequest, key_id: int) -> HttpResponseBase:
    """Ask how long the present secret stays; POST makes a new one and shows it."""
    found, now = key_of(request, key_id), timezone.now()
    form = RotateForm(
        request.POST or None, now=now, initial={"old_until": now + USUAL_OVERLAP, "replaces": found.prefix}
    )
    if request.method == "POST" and form.is_valid():
        old_until, prefix = form.cleaned_data["old_until"], form.cleaned_data["replaces"]
        try:
            secret = keys.rotate(key=found, actor=request.user, old_until=old_until, now=now, prefix=prefix)
        except keys.KeyFaulty as fault:
            form.add_error(fault.field, str(fault))
        except keys.KeyOver:
            return back(request, refusal=str(IS_OVER))
        except keys.KeyMoved:
            return back(request, refusal=gettext("This key was rotated meanwhile; nothing more was done."))
        else:
            return secret_page(request, found, secret)
    context = {"section": "keys", "form": form, "key": found, "has_two": found.has_two_secrets(now)}
    return page(request, "accounts/key_rotate.html", context, status=422 if form.errors else 200)


@require_POST
@account_page(Permission.MANAGE_KEYS)
def end_previous(request: AccountRequest, key_id: int) -> HttpResponseBase:
    """Let the secret before a rotation in no more."""
    found = key_of(request, key_id)
    keys.end_previous(key=found, actor=request.user)
    return back(request, gettext("The old secret of %(name)s is refused from now on.") % {"name": found.name})


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Permission.MANAGE_KEYS)
def revoke(request: AccountRequest, key_id: int) -> HttpResponseBase:
    """Ask whether a key is to end for good; POST ends it."""
    found, now = key_of(request, key_id), timezone.now()
    if request.method == "POST":
        keys.revoke(key=found, actor=request.user, now=now)
        return back(request, gettext("%(name)s is revoked: it is refused from now on.") % {"name": found.name})
    context = {"section": "keys", "key": found, "state": found.state(now), "now": now}
    return page(request, "accounts/key_revoke.html", context)


def key_of(request: AccountRequest, key_id: int) -> LicenseKey:
    """Give a key of this account.  Raises Http404."""
    found = keys.keys_of(account=request.membership.account).filter(pk=key_id).first()
    if found is None:
        raise Http404
    return found


def back(request: AccountRequest, done: str = "", *, refusal: str = "") -> HttpResponse:
    if done:
        messages.success(request, done)
    else:
        messages.error(request, refusal)
    return redirect("keys", account=request.membership.account.slug)


def secret_page(request: AccountRequest, key: LicenseKey, secret: str) -> HttpResponse:
    """Show a secret in the answer itself: a message or a redirect would store it."""
    context = {"section": "keys", "key": key, "secret": secret, "try_it": try_it(request, key, secret)}
    return page(request, "accounts/key_secret.html", context)


def try_it(request: AccountRequest, key: LicenseKey, secret: str) -> str:
    """Give a line for a shell that uses a key for something it may do."""
    has_fake_world = settings.MAIL_WORLD or key.kind == KeyKind.SANDBOX
    path = link_to("api-account")
    if Scope.VERIFY in key.scopes:
        query = urlencode({"e": "someone@ok.test" if has_fake_world else request.user.email}, safe="@")
        path = f"{link_to('api-live')}?{query}"
    return f"curl {shlex.quote(path)} -H 'X-License-Key: {secret}'"
