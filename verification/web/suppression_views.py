"""The account's suppression list."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.domain.access import Permission
from verification.domain import suppression_csv, suppression_files, suppression_list
from verification.models import Suppression, SuppressionKind, SuppressionSource
from verification.web.access import AccountRequest, account_page, page
from verification.web.forms import SuppressForm

ROWS = 50


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Permission.MANAGE_SUPPRESSION)
def suppression(request: AccountRequest) -> HttpResponseBase:
    """Show and search the list; POST puts an address on it."""
    account = request.membership.account
    form = SuppressForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            entry = suppression_list.entry_of(data["email"], data["kind"], data["reason"])
            suppression_list.add(account=account, entry=entry, source=SuppressionSource.PAGE, actor=request.user)
        except (suppression_list.Unfit, suppression_list.ListFull) as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, gettext("%(mailbox)s is on the list.") % {"mailbox": entry.mailbox})
            return redirect("suppression", account=account.slug)
    return shown(request, form, status=422 if form.errors else 200)


def shown(request: AccountRequest, form: SuppressForm, *, status: int, **more: object) -> HttpResponseBase:
    """Show the list, with what became of something on top."""
    account = request.membership.account
    search = request.GET.get("search", "")[:500]
    found = suppression_list.found(account=account, search=search).newest_first()
    context = {
        "section": "settings",
        "tab": "suppression",
        "form": form,
        "kinds": SuppressionKind.choices,
        "search": search,
        "page": Paginator(found, ROWS).get_page(request.GET.get("page")),
        "most_files": suppression_files.MOST_FILES,
    }
    return page(request, "verification/suppression.html", context | more, status=status)


@require_POST
@account_page(Permission.MANAGE_SUPPRESSION)
def import_suppressions(request: AccountRequest) -> HttpResponseBase:
    """Take files in, and show what became of each."""
    files = [(file.name or "", file.file) for file in request.FILES.getlist("files") if file.file is not None]
    form = SuppressForm(None)
    if not files:
        return shown(request, form, status=422, fault="Choose a file.")
    brought = suppression_files.take_in(
        account=request.membership.account, files=files, actor=request.user, now=timezone.now()
    )
    return shown(request, form, status=422 if all(one.fault for one in brought) else 200, brought=brought)


@require_safe
@account_page(Permission.MANAGE_SUPPRESSION)
def export_suppressions(request: AccountRequest) -> HttpResponseBase:
    """Give the list as CSV, which can be brought in again."""
    pieces = suppression_csv.give_out(account=request.membership.account)
    response = StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="suppression.csv"'
    return response


@require_POST
@account_page(Permission.MANAGE_SUPPRESSION)
def unsuppress(request: AccountRequest, suppression_id: int) -> HttpResponseBase:
    """Take an address off the list, for a reason."""
    account = request.membership.account
    entry = Suppression.objects.of(account).select_related("account").filter(pk=suppression_id).first()
    if entry is None:
        raise Http404
    try:
        suppression_list.remove(entry=entry, reason=request.POST.get("reason", "")[:500], actor=request.user)
    except suppression_list.Unfit as fault:
        messages.error(request, str(fault))
    else:
        messages.success(request, gettext("The address is taken again."))
    return redirect("suppression", account=account.slug)
