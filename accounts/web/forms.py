"""The shape of what people send about themselves, their team and their account."""

from __future__ import annotations

from django import forms

from accounts.domain.team import GIVEN
from accounts.models import Role

ROLES = [(role.value, role.label) for role in GIVEN]


class InviteForm(forms.Form):
    email = forms.EmailField(label="E-mail address", max_length=254)
    role = forms.TypedChoiceField(choices=ROLES, coerce=Role, initial=Role.MEMBER)


class RoleForm(forms.Form):
    role = forms.TypedChoiceField(choices=ROLES, coerce=Role)


class TransferForm(forms.Form):
    """Whom the ownership goes to."""

    member = forms.TypedChoiceField(label="New owner", coerce=int)
    stay = forms.BooleanField(label="I stay an owner, too", required=False)

    def __init__(self, *args: object, members: list[tuple[int, str]], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["member"].choices = members  # type: ignore[attr-defined]
