"""Texts of templates are marked for translation: what is left once all that is no text is taken away has no letters."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

FOLDER = settings.BASE_DIR / "templates"
# Staff pages are in English; pages of verification change most and are marked as they settle.
NOT_LOOKED_AT = ("admin/", "drf_spectacular/", "verification/")
NO_TEXT = re.compile(
    r"{#.*?#}|<!--.*?-->|{%\s*blocktrans\w*.*?{%\s*endblocktrans\w*\s*%}"
    r"|<(script|style|pre|code)\b[^>]*>.*?</\1>|{%.*?%}|{{.*?}}"
    r"|<!?/?[a-zA-Z](?:\"(?:{%.*?%}|{{.*?}}|[^\"])*\"|{%.*?%}|{{.*?}}|[^>\"])*>|&\w+;",
    re.DOTALL,
)
SPOKEN = re.compile(r'\b(?:aria-label|title|placeholder|alt)="([^"{]*[A-Za-z]{2}[^"{]*)"')
NAMES = re.compile(r"\b(?:UTC|CSV|XLSX)\b|name@example\.\w+|jane@\w+\.test")  # the same in every language


def templates() -> list[Path]:
    every = sorted([*FOLDER.rglob("*.html"), *FOLDER.rglob("*.txt")])
    return [path for path in every if not str(path.relative_to(FOLDER)).startswith(NOT_LOOKED_AT)]


def unmarked(source: str) -> list[str]:
    """Give the texts that are not marked, those of attributes among them."""
    without = re.sub(r"<(pre|code)\b[^>]*>.*?</\1>", "", source, flags=re.DOTALL)
    found = [*NO_TEXT.sub("\n", source).splitlines(), *SPOKEN.findall(without)]
    return [text.strip() for text in found if re.search("[A-Za-z]{2}", NAMES.sub("", text))]


@pytest.mark.parametrize("path", templates(), ids=lambda path: str(path.relative_to(FOLDER)))
def test_every_text_is_marked(path: Path) -> None:
    assert unmarked(path.read_text()) == []


@pytest.mark.parametrize(
    ("source", "left"),
    [
        ('<p>{% translate "Go on" %}</p>', []),
        ("<p>Go on</p>", ["Go on"]),
        ("<p>{% blocktranslate %}Go on{% endblocktranslate %}, {{ name }}</p>", []),
        ('<a href="{% url "x" %}" title="Go on">{{ name }}</a>', ["Go on"]),
        ("<a title=\"{% translate 'Go on' %}\">{% if a > b %}·{% endif %}</a>", []),
        ("{{ name }} and {{ other }}", ["and"]),
    ],
)
def test_what_counts_as_marked(source: str, left: list[str]) -> None:
    assert unmarked(source) == left
