from __future__ import annotations

from typing import Any

from django import forms

from accounts.admin.base import ModelForm
from accounts.domain import impersonation
from accounts.models import Account, User


class AccountForm(ModelForm[Account]):
    reason = forms.CharField(
        max_length=200, required=False, help_text="Why it changes; kept in the ledger and the audit log."
    )

    class Meta:
        model = Account
        fields = ["name", "slug", "status", "monthly_quota", "reset_day"]


class NewAccountForm(ModelForm[Account]):
    owner = forms.EmailField(label="Owner's e-mail address", help_text="Of a user who is here already.")

    class Meta:
        model = Account
        fields = ["name", "slug", "monthly_quota"]

    def clean_owner(self) -> User:
        owner = User.objects.filter(email=self.cleaned_data["owner"].lower()).first()
        if owner is None:
            raise forms.ValidationError("There is no such user yet. Add the user first.")
        return owner


class GrantForm(forms.Form):
    amount = forms.IntegerField(min_value=1, max_value=1_000_000_000, help_text="Prepaid checks; they do not lapse.")
    reason = forms.CharField(max_length=200, help_text="Kept in the ledger and the audit log with your name.")


class LookForm(forms.Form):
    """Whose pages to look at, and why."""

    person = forms.ModelChoiceField(User.objects.none(), help_text="You see what this person sees.", empty_label=None)
    reason = forms.CharField(max_length=200, help_text="Kept in the audit log with your name.")

    def __init__(self, account: Account, data: Any = None) -> None:  # Any: of a request
        super().__init__(data)
        people = impersonation.people_of(account).order_by("pk")
        self.fields["person"].queryset = people  # type: ignore[attr-defined]  # of a ModelChoiceField
