"""The shape of what people write about license keys; what may be in it is for accounts/domain/key_rules.py."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_lazy

from accounts.domain.key_rules import LARGEST_LIMIT, LONGEST_NAME, LONGEST_OVERLAP
from accounts.models import KeyKind, LicenseKey, Scope
from accounts.models.key import usual_scopes
from accounts.web.forms import OneLineField

BETWEEN_NETWORKS = re.compile(r"[\s,;]+")
MOMENT = "%Y-%m-%dT%H:%M"  # as browsers write it
USUAL_OVERLAP = timedelta(days=7)


class MomentField(forms.DateTimeField):
    """A moment in the reader's zone, to the minute."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=MOMENT)


class NetworksField(forms.CharField):
    """Networks one a line, or with commas between them."""

    widget = forms.Textarea

    def clean(self, value: Any) -> Any:  # Any: Django's signature
        return [text for text in BETWEEN_NETWORKS.split(super().clean(value)) if text]


class OwnLimitField(forms.IntegerField):
    """A limit of a key's own, or none."""

    def __init__(self, label: str) -> None:
        super().__init__(label=label, required=False, min_value=1, max_value=LARGEST_LIMIT)


class KeyForm(forms.Form):
    """What can be changed of a key."""

    name = OneLineField(label=gettext_lazy("Name"), max_length=LONGEST_NAME)
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("May be used to"),
        choices=Scope.choices,
        widget=forms.CheckboxSelectMultiple,
        initial=usual_scopes,
    )
    allowed_networks = NetworksField(label=gettext_lazy("Allowed networks"), required=False, max_length=4_000)
    monthly_cap = OwnLimitField("Checks a month")
    calls_per_minute = OwnLimitField("Calls a minute")
    expires_at = MomentField(label=gettext_lazy("Expires"), required=False)

    @classmethod
    def showing(cls, key: LicenseKey) -> KeyForm:
        """Fill a form with a key as it is."""
        return cls(
            initial={
                "name": key.name,
                "scopes": key.scopes,
                "allowed_networks": "\n".join(key.allowed_networks),
                "monthly_cap": key.monthly_cap,
                "calls_per_minute": key.calls_per_minute,
                "expires_at": key.expires_at,
            }
        )

    def rules(self) -> dict[str, Any]:  # Any: as the domain takes them
        """Give what was written, by the names of the domain's arguments."""
        return {name: self.cleaned_data[name] for name in KeyForm.base_fields}


class NewKeyForm(KeyForm):
    kind = forms.TypedChoiceField(
        label=gettext_lazy("Kind"), choices=KeyKind.choices, coerce=KeyKind, initial=KeyKind.LIVE
    )


class RotateForm(forms.Form):
    """Until when the present secret is let in; `replaces` is the prefix that the person saw."""

    old_until = MomentField(label=gettext_lazy("Let the present secret in until"), required=False)
    replaces = forms.CharField(max_length=20)

    def __init__(self, *args: Any, now: datetime, **kwargs: Any) -> None:  # Any: Django's signature
        super().__init__(*args, **kwargs)
        self.now = now
        self.latest = now + LONGEST_OVERLAP

    def clean_old_until(self) -> datetime | None:
        """Refuse the past: the old secret would end at once, by a mistake."""
        moment: datetime | None = self.cleaned_data["old_until"]
        if moment is not None and moment <= self.now:
            raise forms.ValidationError(gettext("That is over. Leave it empty to let the present secret in no more."))
        return moment
