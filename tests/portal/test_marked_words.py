"""Texts are marked for translation: of a template, what is left once all that is no text is taken away has no letters;
in Python, what pages say in messages, refusals and forms is no bare string.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings

FOLDER = settings.BASE_DIR / "templates"
# Staff pages are in English.
NOT_LOOKED_AT = ("admin/", "drf_spectacular/")
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


PAGES = ("accounts/web", "verification/web")  # refusals of the domain are read by programs, too: in English
SAYING = {"add_error": 1, "PermissionDenied": 0, "ValidationError": 0}  # which argument is the first that is said
TOLD = ("label", "help_text")


def said_bare(source: str) -> list[str]:
    """Give the strings that a module of pages says without gettext."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [ast.unparse(node) for call in calls for node in said(call) if is_text(node)]


def said(call: ast.Call) -> list[ast.expr]:
    """Give what a call says to people."""
    named = [keyword.value for keyword in call.keywords if keyword.arg in TOLD]
    if not isinstance(call.func, ast.Attribute | ast.Name):
        return named
    name = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id
    is_message = ast.unparse(call.func).startswith("messages.")
    return named + (call.args[1:] if is_message else call.args[SAYING[name] :] if name in SAYING else [])


def is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


@pytest.mark.parametrize("folder", PAGES)
def test_what_pages_say_is_marked(folder: str) -> None:
    modules = sorted((settings.BASE_DIR / folder).rglob("*.py"))
    found = {path.name: said_bare(path.read_text()) for path in modules}
    assert {name: texts for name, texts in found.items() if texts} == {}


@pytest.mark.parametrize(
    ("source", "bare"),
    [
        ('messages.success(request, gettext("Done."))', []),
        ('messages.success(request, "Done.")', ["'Done.'"]),
        ('form.add_error(None, f"No {x}.")', ["f'No {x}.'"]),
        ("form.add_error(None, str(refusal))", []),
        ('raise PermissionDenied("No.") from None', ["'No.'"]),
        ('forms.CharField(label="Name", max_length=3)', ["'Name'"]),
    ],
)
def test_what_counts_as_bare(source: str, bare: list[str]) -> None:
    assert said_bare(source) == bare
