"""What strangers see: the landing page with its demo, the documentation, the status, terms and privacy."""

from __future__ import annotations

from typing import Any

from allauth.core.internal.ratelimit import truncate_ip
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.domain import public_texts
from accounts.domain.guesses import TooManyGuesses
from accounts.models import PublicText
from portal.public import markup, pages
from verification.domain import demo, public_status
from verification.engine.types import LEGAL_PAIRS, Reason, Result
from verification.web.words import BLAMES, REASONS, RESULTS, _

EXAMPLES = {  # of docs/api/sandbox.md, by what they show
    "jane@ok.test": _("a mailbox that exists"),
    "missing@ok.test": _("nobody of this name"),
    "jane@nxdomain.test": _("a domain that does not exist"),
    "jane@catchall.test": _("a server that accepts everybody"),
    "jane@greylist.test": _("greylisting"),
    "jane@blocked.test": _("our address is blocked"),
    "jane@broken.test": _("their server is broken"),
    "jane@dea.test": _("a throw-away address"),
}
NOT_OF_THE_DEMO = _("The demo answers for addresses that end in .test, so that no stranger's mail server is asked.")
TOO_MANY = _("That were many tries. The demo goes on in a minute.")


def landing(request: HttpRequest) -> HttpResponse:
    """Show what the product is, and what it says of the address in `e`."""
    asked = request.GET.get("e", "")
    context: dict[str, Any] = {  # Any: a context
        "asked": asked[: demo.LONGEST],
        "examples": EXAMPLES,
        "sign_up": settings.SIGN_UP,
        "url": settings.PUBLIC_URL,
    }
    if not asked.strip():
        return render(request, "public/landing.html", context)
    status = 200
    try:
        shown = demo.ask(asked, client=truncate_ip(request.META.get("REMOTE_ADDR", "")))
        verdict = shown.answer.verdict
        context |= {
            "answer": shown.answer,
            "lines": shown.lines,
            "result": RESULTS[verdict.result],
            "words": REASONS[verdict.reason],
            "blame": BLAMES[verdict.blame],
        }
    except demo.NotOfTheDemo:
        context["refusal"], status = NOT_OF_THE_DEMO, 422
    except TooManyGuesses:
        context["refusal"], status = TOO_MANY, 429
    return render(request, "public/landing.html", context, status=status)


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    return render(request, "public/docs.html", {"contents": pages.contents(), "public_section": "docs"})


@require_safe
def doc(request: HttpRequest, name: str) -> HttpResponse:
    page = pages.page_of(name)
    if page is None:
        raise Http404
    return render(request, "public/doc.html", {"contents": pages.contents(), "doc": page, "public_section": "docs"})


@require_safe
def verdicts(request: HttpRequest) -> HttpResponse:
    """Show every verdict there is in plain words."""
    groups = [
        (
            RESULTS[result],
            result.value,
            [(reason.value, REASONS[reason]) for reason in Reason if (result, reason) in LEGAL_PAIRS],
        )
        for result in Result
    ]
    blames = [(blame.value, words, blame.is_ours) for blame, words in BLAMES.items() if words]
    return render(
        request,
        "public/verdicts.html",
        {"contents": pages.contents(), "groups": groups, "blames": blames, "public_section": "docs"},
    )


@require_safe
def status(request: HttpRequest) -> HttpResponse:
    context = {"status": public_status.look(), "days": public_status.DAYS, "public_section": "status"}
    return render(request, "public/status.html", context)


@require_safe
def terms(request: HttpRequest) -> HttpResponse:
    return _text(request, PublicText.Kind.TERMS)


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    return _text(request, PublicText.Kind.PRIVACY)


def _text(request: HttpRequest, kind: PublicText.Kind) -> HttpResponse:
    found = public_texts.find(kind)
    html = markup.render(found.text) if found else ""
    return render(request, "public/text.html", {"kind": kind, "found": found, "html": html})
