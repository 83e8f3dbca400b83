"""Signing up: with an invitation, or, where that is allowed, with an account of one's own.

Whether an address is known already must not show, by the time it takes neither: a password is hashed in both cases.
"""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import SignupForm
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from django import forms
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext_lazy

from accounts.domain import accounts, invitations
from accounts.domain.team import TeamRefused
from accounts.models import User
from accounts.web.adapter import invitation_of
from accounts.web.invitation_views import SESSION_KEY


class SignUpForm(SignupForm):
    """A person's name, address and password; the account's name, unless they are invited to one."""

    field_order = ("email", "name", "account_name", "password1")

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: allauth's signature
        super().__init__(*args, **kwargs)
        self.invitation = invitation_of(context.request)
        self.fields["name"] = forms.CharField(label=gettext_lazy("Your name"), max_length=150, required=False)
        self.fields["name"].widget.attrs["autocomplete"] = "name"
        if self.invitation is None:
            self.fields["account_name"] = forms.CharField(
                label=gettext_lazy("Company or team"),
                max_length=200,
                help_text=gettext_lazy("Names your account; others can be invited to it."),
            )
        else:
            self.fields["email"].disabled = True
            self.fields["email"].initial = self.initial["email"] = self.invitation.email
        self.order_fields(self.field_order)

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])  # takes as long as with a new address
        try:
            with transaction.atomic():
                user, response = super().try_save(request)
        except TeamRefused:  # the invitation was taken back while they typed
            raise ImmediateHttpResponse(redirect("invitation", token=request.session[SESSION_KEY])) from None
        return user, response

    def save(self, request: HttpRequest) -> User:
        if self.invitation is not None:
            get_adapter().stash_verified_email(request, self.invitation.email)  # the mail reached them
        user = super().save(request)
        assert isinstance(user, User)
        if self.invitation is not None:
            invitations.accept(invitation=self.invitation, user=user, now=timezone.now())
            request.session.pop(SESSION_KEY)
        else:
            accounts.open_own(name=self.cleaned_data["account_name"], owner=user, monthly_quota=settings.SIGN_UP_QUOTA)
        return user

    def signup(self, request: HttpRequest, user: User) -> None:  # noqa: ARG002  # allauth's signature
        """Keep what our fields add."""
        user.name = " ".join(self.cleaned_data["name"].split())
        user.save(update_fields=["name"])
