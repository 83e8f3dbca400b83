"""How a list that was brought is read: at first as we guess, then as somebody chooses, until it is started.

Of a workbook one sheet becomes a text file, which goes on like any other; it stays beside it while others can be
chosen.  A list that is longer than allowed is kept with what is too much, and its first rows can be taken.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from django.db import transaction

from accounts.domain.config import config_of
from accounts.models import AccountConfig
from verification.domain import workbooks
from verification.domain.list_text import ListTooLong
from verification.domain.lists import ListRefused, ListUnclear, Look, Reading, glimpse, look
from verification.domain.workbooks import Chosen
from verification.models import Job, Upload

MEGABYTE = 1_000_000
SHEET_ROWS = 1_048_576
TAKE_SOME = "Take its first rows, or split it and bring its parts."


def read_first(upload: Upload, config: AccountConfig) -> None:
    """Note what a look at a new list finds, or what is wrong with it.  Raises ListRefused."""
    chosen = convert(upload.path, config)
    reading = Reading()
    if chosen is not None:
        reading = replace(reading, delimiter=",")
        upload.sheet, upload.sheets = chosen.sheet, chosen.sheets
        upload.overflow = chosen.overflow
    try:
        found, fault = read_within(upload.path, upload, config, reading)
    except ListUnclear as unclear:
        found, fault = glimpse(upload.path), str(unclear)
    set_all(upload, columns_of(found) | {"fault": fault})


def read_within(path: Path, upload: Upload, config: AccountConfig, reading: Reading) -> tuple[Look, str]:
    """Look at a list, of one that is too long at the rows that are allowed; and give what is too much of it.

    Raises ListRefused.
    """
    look_at = partial(look, path, filename=upload.filename, max_rows=config.rows_per_upload)
    try:
        found, too_much = look_at(reading=reading), "" if reading.cut else upload.overflow
    except ListTooLong as refusal:
        found, too_much = look_at(reading=replace(reading, cut=True)), str(refusal)
    return found, too_much and f"{too_much} {TAKE_SOME}"


def convert(final: Path, config: AccountConfig) -> Chosen | None:
    """Put the text of its first sheet with rows in the place of a workbook.  Raises ListRefused."""
    if not workbooks.is_workbook(final):
        return None
    workbook, text = final.with_suffix(".xlsx"), final.with_suffix(".part")
    chosen = write_csv(final, text, config)
    if len(chosen.sheets) > 1:
        final.rename(workbook)
    text.rename(final)
    return chosen


def write_csv(workbook: Path, text: Path, config: AccountConfig, sheet: str | None = None) -> Chosen:
    max_bytes = config.upload_megabytes * MEGABYTE
    return workbooks.write_csv(workbook, text, sheet=sheet, max_rows=SHEET_ROWS, max_bytes=max_bytes, cut=True)


def choose_sheet(*, upload: Upload, sheet: str) -> None:
    """Read another sheet of a workbook that was uploaded, before its list is started.

    Raises ListRefused; then the sheet that was chosen before is still there.
    """
    config = config_of(upload.account)
    text = upload.path.with_suffix(".part")
    with transaction.atomic():
        locked = Upload.objects.select_for_update(of=("self",)).get(pk=upload.pk)
        if Job.objects.filter(upload=locked).exists() or not upload.workbook.exists():
            raise ListRefused("The other sheets of this workbook are gone.")
        text.unlink(missing_ok=True)  # of a process that died
        chosen = write_csv(upload.workbook, text, config, sheet)
        locked.overflow = chosen.overflow
        try:
            found, fault = read_within(text, locked, config, Reading(delimiter=","))
            values = {"sheet": chosen.sheet, "overflow": chosen.overflow, "is_cut": False, "fault": fault}
            change(upload, columns_of(found) | values | {"version": locked.version + 1})
            text.rename(upload.path)
        finally:
            text.unlink(missing_ok=True)


def read_again(*, upload: Upload, reading: Reading) -> None:
    """Look at a kept list another way, before it is started.

    Raises ListRefused; then it stays as it was read before.
    """
    config = config_of(upload.account)
    with transaction.atomic():
        locked = Upload.objects.select_for_update(of=("self",)).get(pk=upload.pk)
        refuse_started(locked)
        if not locked.path.exists():
            raise ListRefused("The uploaded file is gone.")
        if locked.sheet:  # written by us
            reading = replace(reading, encoding="utf-8", delimiter=",", quoted=True)
        found, fault = read_within(locked.path, locked, config, reading)
        values = {"fault": fault, "is_cut": reading.cut, "version": locked.version + 1}
        change(upload, columns_of(found) | values)


def refuse_started(upload: Upload) -> None:
    if Job.objects.filter(upload=upload).exists():
        raise ListRefused("This list was started already.")


def change(upload: Upload, values: dict[str, Any]) -> None:  # Any: columns of Upload
    set_all(upload, values)
    upload.save(update_fields=list(values))


def set_all(upload: Upload, values: dict[str, Any]) -> None:  # Any: columns of Upload
    for name, value in values.items():
        setattr(upload, name, value)


def columns_of(found: Look) -> dict[str, Any]:  # Any: columns of Upload
    """Give what an upload keeps of a look."""
    return {
        "encoding": found.encoding,
        "delimiter": found.delimiter,
        "has_header": found.has_header,
        "columns": found.columns,
        "address_column": found.address_columns[0],
        "row_count": found.row_count,
        "more_columns": found.more_columns,
        "check_count": found.check_count,
        "sample": found.sample,
        "quoted": found.quoted,
        "fault": "",
    }
