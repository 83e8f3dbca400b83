"""The shape of what people send."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID, uuid4

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext

from accounts.models.config import LONGEST_GREYLIST_HOURS
from verification.domain.brought import MOST_FILES
from verification.domain.list_quote import AGES
from verification.domain.lists import ENCODINGS, Reading
from verification.domain.starting import Options
from verification.engine.syntax import parse, split_display_name
from verification.models import EventType, Upload
from verification.web.words import _

E = TypeVar("E", bound=StrEnum)
DELIMITER_NAMES = {"lines": "", "comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
MOST_MORE = 4  # columns of addresses besides the first one
READABLE = ["utf-8-sig", "utf-16", "utf-32", *ENCODINGS]
PASTED = "Pasted addresses.txt"
TOO_MANY = _("These are {chosen} files; {most} can be sent at once. Choose fewer, and send the others after.")
BETWEEN_ADDRESSES = re.compile(r"[\s,;]+")


class FilesInput(forms.FileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Any number of files; empty ones are told of where they are read."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[bytes]]:  # Any: Django's signature
        return [file for each in data or [] if (file := super(FilesField, self).clean(each, initial))]


class UploadForm(forms.Form):
    """Files, or addresses pasted into a box; the token makes a form that is sent twice bring each file once."""

    file = FilesField(required=False, allow_empty_file=True)
    pasted = forms.CharField(required=False, widget=forms.Textarea, max_length=1_000_000, strip=True)
    token = forms.UUIDField(required=False)
    several = forms.BooleanField(required=False)  # one of several, sent one by one

    def clean(self) -> dict[str, Any]:  # Any: Django's signature
        data = super().clean() or {}
        files = data.get("file", [])
        if not files and not data.get("pasted") and not self.errors:
            raise forms.ValidationError(gettext("Choose a file, or paste some addresses."))
        if len(files) > MOST_FILES:
            raise forms.ValidationError(TOO_MANY.format(chosen=len(files), most=MOST_FILES))
        return data

    @property
    def form_id(self) -> UUID:
        return self.cleaned_data["token"] or uuid4()

    @property
    def sources(self) -> list[tuple[str, Iterable[bytes]]]:
        """Give name and content of everything that was brought."""
        found: list[tuple[str, Iterable[bytes]]] = [
            (file.name or "list.csv", file.chunks()) for file in self.cleaned_data["file"]
        ]
        pasted = self.cleaned_data["pasted"]
        return [*found, (PASTED, [one_a_line(pasted).encode()])] if pasted else found


def one_a_line(pasted: str) -> str:
    """Put addresses that were pasted side by side below each other; display names and quotes are left alone."""
    if "<" in pasted or '"' in pasted:
        return pasted
    return "\n".join(BETWEEN_ADDRESSES.split(pasted))


class StartForm(forms.Form):
    """How a list is to be read, and its start.

    Only the column has to be sent: what is missing stays as it was found.
    """

    address_column = forms.TypedChoiceField(coerce=int)
    asks_for_more = forms.BooleanField(required=False)
    more_columns = forms.TypedMultipleChoiceField(coerce=int, required=False)
    asks_for_header = forms.BooleanField(required=False)  # a box without a tick sends nothing
    has_header = forms.BooleanField(required=False)
    version = forms.IntegerField(required=False, min_value=0)
    encoding = forms.ChoiceField(required=False, choices=[(name, name) for name in READABLE])
    delimiter = forms.ChoiceField(required=False, choices=[(name, name) for name in DELIMITER_NAMES])
    asks_for_quotes = forms.BooleanField(required=False)
    quoted = forms.BooleanField(required=False)
    sheet = forms.CharField(required=False, max_length=31, strip=False)

    def __init__(
        self,
        *args: Any,  # Any: Django's signature
        upload: Upload,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.upload = upload
        columns = range(len(upload.columns))
        for name in ("address_column", "more_columns"):
            self.fields[name].choices = [(column, column) for column in columns]  # type: ignore[attr-defined]

    def clean_more_columns(self) -> list[int]:
        columns = sorted(set(self.cleaned_data["more_columns"]))
        if len(columns) > MOST_MORE:
            raise forms.ValidationError(
                gettext("Up to %(most_more_1)s columns of addresses can be checked at once.")
                % {"most_more_1": MOST_MORE + 1}
            )
        return columns

    @property
    def more(self) -> list[int]:
        """The columns of addresses besides the first one."""
        data = self.cleaned_data
        chosen = data["more_columns"] if data["asks_for_more"] else self.upload.more_columns
        return [column for column in chosen if column != data["address_column"]]

    @property
    def reading(self) -> Reading:
        """How the file is to be read."""
        data, upload = self.cleaned_data, self.upload
        knows_columns = not upload.fault or upload.can_be_cut
        return Reading(
            encoding=data["encoding"] or upload.encoding,
            delimiter=DELIMITER_NAMES[data["delimiter"]] if data["delimiter"] else upload.delimiter,
            quoted=data["quoted"] if data["asks_for_quotes"] else upload.quoted,
            has_header=upload.has_header if self.header is None else self.header,
            column=data["address_column"] if knows_columns else None,
            more=tuple(self.more) if knows_columns else (),
            cut=upload.is_cut or self.data.get("action") == "cut",
        )

    @property
    def new_sheet(self) -> str:
        """The sheet that was chosen, "" where it is the same."""
        sheet: str = self.cleaned_data["sheet"]
        return sheet if sheet in self.upload.sheets and sheet != self.upload.sheet else ""

    @property
    def changes_reading(self) -> bool:
        """Tell whether other rows come out of the file; another single column or header makes none."""
        upload, reading = self.upload, self.reading
        text = (reading.encoding, reading.delimiter, reading.quoted, list(reading.more))
        if self.new_sheet or text != (upload.encoding, upload.delimiter, upload.quoted, upload.more_columns):
            return True
        if upload.is_cut or reading.more:  # then they decide how many rows there are
            return (reading.has_header, reading.column) != (upload.has_header, upload.address_column)
        return False

    @property
    def header(self) -> bool | None:
        """What was chosen; None where the form had no box."""
        return self.cleaned_data["has_header"] if self.cleaned_data["asks_for_header"] else None


class OptionsForm(forms.Form):
    """What a list chooses as it is started; what is not sent stays as the account has it."""

    max_age = forms.IntegerField(required=False, min_value=0, max_value=AGES[-1])
    greylist_hours = forms.IntegerField(required=False, min_value=0, max_value=LONGEST_GREYLIST_HOURS)
    asks_for_catch_all = forms.BooleanField(required=False)  # a box without a tick sends nothing
    catch_all = forms.BooleanField(required=False)

    @property
    def options(self) -> Options:
        data = self.cleaned_data
        return Options(
            features={"catchAll": False} if data["asks_for_catch_all"] and not data["catch_all"] else {},
            max_age=data["max_age"],
            greylist_hours=data["greylist_hours"],
        )


def one_of(kind: type[E], value: str | None) -> E | None:
    return next((member for member in kind if member.value == value), None)


def cursor(value: str | None) -> int | None:
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 19 else None


class AskForm(forms.Form):
    """A wish for a feature, with a word of why."""

    feature = forms.SlugField(max_length=40)
    note = forms.CharField(required=False, max_length=500)


class EraseForm(forms.Form):
    """Whose address is to be erased; the domain says whether it is one."""

    email = forms.CharField(max_length=500, strip=True)


class DomainForm(forms.Form):
    domain = forms.CharField(label=_("Domain"), max_length=253)


class SelectorForm(forms.Form):
    selector = forms.CharField(label=_("Selector"), max_length=63, required=False)


class SuppressForm(forms.Form):
    """What is to be on the suppression list; the domain says whether it can."""

    email = forms.CharField(max_length=500, strip=True)
    kind = forms.CharField(max_length=8)
    reason = forms.CharField(required=False, max_length=500)


class WebhookForm(forms.Form):
    """Where events go, and which; the domain says whether the URL will do."""

    url = forms.CharField(max_length=1_000)
    events = forms.MultipleChoiceField(choices=EventType.choices, required=False)
    description = forms.CharField(required=False, max_length=100)


class VerifyForm(forms.Form):
    """One address, with or without a name before it; the token makes a form that is sent twice one check."""

    email = forms.CharField(max_length=500, strip=True, error_messages={"required": "Type an address."})
    token = forms.UUIDField()

    def clean_email(self) -> str:
        """Refuse what is no address, before it costs anything."""
        address = parse(split_display_name(self.cleaned_data["email"]))
        if address.fault is not None:
            raise forms.ValidationError(
                gettext("That is no email address: %(fault_detail)s. Nothing was charged.")
                % {"fault_detail": address.fault_detail}
            )
        return address.text
