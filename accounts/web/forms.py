"""The shape of what people send about themselves, their team and their account."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_lazy

from accounts.domain.team import GIVEN
from accounts.models import Role

ROLES = [(role.value, role.label) for role in GIVEN]


class OneLineField(forms.CharField):
    """A text whose blanks and line ends are each one blank."""

    def to_python(self, value: Any) -> str:  # Any: Django's signature
        return " ".join((super().to_python(value) or "").split())


class InviteForm(forms.Form):
    email = forms.EmailField(label=gettext_lazy("E-mail address"), max_length=254)
    role = forms.TypedChoiceField(choices=ROLES, coerce=Role, initial=Role.MEMBER)


class NameForm(forms.Form):
    """What a person is called."""

    name = OneLineField(label=gettext_lazy("Your name"), max_length=150, required=False)


class MailsForm(forms.Form):
    """Which mails a person wants."""

    mail_when_done = forms.BooleanField(required=False)


class AccountNameForm(forms.Form):
    name = OneLineField(label=gettext_lazy("Name"), max_length=200)


class CloseForm(forms.Form):
    """The account's name, typed once more."""

    name = OneLineField(label=gettext_lazy("Type the account's name"), max_length=200)

    def __init__(self, *args: Any, account_name: str, **kwargs: Any) -> None:  # Any: Django's signature
        super().__init__(*args, **kwargs)
        self.account_name = account_name

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        if name != " ".join(self.account_name.split()):
            raise forms.ValidationError(gettext("That is not the account's name."))
        return name


class RoleForm(forms.Form):
    role = forms.TypedChoiceField(choices=ROLES, coerce=Role)


class TransferForm(forms.Form):
    """Whom the ownership goes to."""

    member = forms.TypedChoiceField(label=gettext_lazy("New owner"), coerce=int)
    stay = forms.BooleanField(label=gettext_lazy("I stay an owner, too"), required=False)

    def __init__(self, *args: Any, members: list[tuple[int, str]], **kwargs: Any) -> None:  # Any: Django's signature
        super().__init__(*args, **kwargs)
        self.fields["member"].choices = members  # type: ignore[attr-defined]
