"""What we found in a list: looked at, read another way if need be, and counted, or started at once."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from accounts.domain import quota
from accounts.domain.access import Permission
from accounts.domain.config import FeatureDisabled
from verification.domain import brought, intake, lists, readings
from verification.models import Job, Upload
from verification.web.access import AccountRequest, account_page, page
from verification.web.bring_views import NO_UPLOADS
from verification.web.forms import DELIMITER_NAMES, StartForm
from verification.web.shown import DELIMITERS, ENCODINGS
from verification.web.words import _

SHOWN_COLUMNS = 8
READ_ANEW = _("Read as you chose. Start when it looks right.")


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Permission.UPLOAD)
def upload(request: AccountRequest, upload_id: UUID) -> HttpResponseBase:
    """Show what we found in a file; POST reads it another way, or opens its job: to be counted first, or started."""
    account = request.membership.account
    found = get_object_or_404(Upload.objects.filter(account=account), pk=upload_id)
    started = Job.objects.filter(account=account, upload=found).first()
    if started is not None and started.deleted_at is not None:
        raise Http404
    if started is not None:
        return redirect("job", account=account.slug, job_id=started.pk)
    form = StartForm(request.POST or None, upload=found)
    if request.method == "POST" and form.is_valid():
        answer = act(request, found, form)
        if answer is not None:
            return answer
    return upload_page(request, found, form)


def act(request: AccountRequest, found: Upload, form: StartForm) -> HttpResponse | None:
    """Read or start; None when that was refused, which the form tells."""
    account = request.membership.account
    try:
        if request.POST.get("action") in ("read", "cut") or form.changes_reading:
            read(found, form)
            return redirect(f"{request.path}?read={found.version}")
        job = intake.start_list(
            upload=found,
            address_column=form.cleaned_data["address_column"],
            user=request.user,
            now=timezone.now(),
            has_header=form.header,
            version=form.cleaned_data["version"],
            hold=request.POST.get("action") == "quote",
        )
    except quota.QuotaExceeded as refusal:
        needed = gettext("This list needs %(needed)s checks and this account has %(left)s left this month.")
        words = needed % {"needed": f"{refusal.needed:,}", "left": f"{refusal.left:,}"}
        form.add_error(None, words)
    except FeatureDisabled:
        form.add_error(None, NO_UPLOADS)
    except intake.AccountInactive:
        form.add_error(None, gettext("This account is suspended: no new lists can be checked."))
    except (intake.IntakeRefused, lists.ListRefused) as refusal:
        form.add_error(None, str(refusal))
    else:
        return redirect("job", account=account.slug, job_id=job.pk)
    return None


def read(found: Upload, form: StartForm) -> None:
    """Read a list as the form says.  Raises ListRefused."""
    if form.new_sheet:
        readings.choose_sheet(upload=found, sheet=form.new_sheet)
    else:
        readings.read_again(upload=found, reading=form.reading)


def upload_page(request: AccountRequest, upload: Upload, form: StartForm) -> HttpResponse:
    names = [name.strip() or f"Column {number}" for number, name in enumerate(upload.columns, 1)]
    likely = {upload.address_column, *lists.address_columns(upload.sample or [[""]])}
    chosen = chosen_column(form, upload)
    more = [column for column in upload.more_columns if column < len(names)]
    likely |= set(more)
    columns = sorted({*range(min(len(names), SHOWN_COLUMNS)), *sorted(likely)[:SHOWN_COLUMNS], *more, chosen})
    context = {
        "section": "lists",
        "upload": upload,
        "form": form,
        "was_read": READ_ANEW if "read" in request.GET and not form.errors else "",
        "choices": [(column, name, column in likely) for column, name in enumerate(names)],
        "likely": len(likely),
        "encodings": encodings_for(upload),
        "delimiters": [(name, DELIMITERS[mark], mark == upload.delimiter) for name, mark in DELIMITER_NAMES.items()],
        "has_header": upload.has_header if form["has_header"].value() is None else form["has_header"].value(),
        "rows_below_header": upload.row_count - (not upload.has_header),
        "rows_in_all": upload.row_count + upload.has_header,
        "chosen": chosen,
        "chosen_name": names[chosen] if names else "",
        "more": [(column, names[column], column in more) for column in may_be_checked(names, likely, more)],
        "header": [(names[column], column == chosen or column in more) for column in columns],
        "sample": [sample_row(cells, columns, chosen, more) for cells in upload.sample],
        "first_line": 1 + upload.has_header,
        "hidden_columns": len(names) - len(columns),
        "encoding": ENCODINGS.get(upload.encoding, upload.encoding.upper()),
        "delimiter": DELIMITERS[upload.delimiter],
        "is_faulty": bool(upload.fault) and not upload.can_be_cut,
        "left": quota.left(account_id=upload.account_id),
        "came_together": brought.count_together(upload),
    }
    return page(request, "verification/upload.html", context, status=422 if form.errors else 200)


def chosen_column(form: StartForm, upload: Upload) -> int:
    value = form["address_column"].value()
    is_one = value is not None and str(value).isascii() and str(value).isdigit() and len(str(value)) < 5
    return int(value) if is_one and int(value) < len(upload.columns) else upload.address_column


def encodings_for(upload: Upload) -> list[tuple[str, str, bool]]:
    """Give the encodings to choose from: the one that was found, and those that have no mark of their own."""
    names = {upload.encoding: ENCODINGS.get(upload.encoding, upload.encoding.upper())}
    if not upload.encoding.startswith("utf-") or upload.encoding == "utf-8":
        names |= {name: words for name, words in ENCODINGS.items() if name != "utf-8-sig"}
    return [(name, words, name == upload.encoding) for name, words in names.items()]


def may_be_checked(names: list[str], likely: set[int], more: list[int]) -> list[int]:
    """Give the columns that are offered besides the first one: all of a few, of many those that may hold addresses."""
    if len(names) == 1:
        return []
    return list(range(len(names))) if len(names) <= SHOWN_COLUMNS else sorted({*sorted(likely)[:SHOWN_COLUMNS], *more})


def sample_row(cells: list[str], columns: list[int], chosen: int, more: list[int]) -> list[tuple[str, bool, bool]]:
    """Give cells as they are shown: the text, whether it is in an address column, and is no address there."""
    checked = {chosen, *more}
    return [
        (cells[column], column in checked, column in checked and is_wrong(cells[column], is_only=not more))
        for column in columns
    ]


def is_wrong(cell: str, *, is_only: bool) -> bool:
    """Tell whether a cell is no address where one should be; where several may be, empty cells are left out."""
    return (is_only or bool(cell.strip())) and not lists.is_address(cell)
