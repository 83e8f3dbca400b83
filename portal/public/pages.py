"""The documentation as pages: the files of docs/ that are meant for customers, rendered as they are."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from functools import lru_cache, partial

from django.conf import settings
from django.urls import reverse
from django.utils.safestring import SafeString

from portal.public import markup
from portal.public.markup import Link

FOLDER = settings.BASE_DIR / "docs"
GROUPS = {  # title: files, in the order of reading; one that is not there yet has no page
    "Start": ("api/quick-start", "api/programs", "api/sandbox", "mail-world"),
    "API": ("api/native", "api/verify-v2", "api/v3", "api/job-request", "api/events", "api/webhooks", "webhooks"),
    "Lists and accounts": ("lists", "history", "suppression", "sending-domains", "config", "permissions", "erasure"),
    "How we judge": ("syntax", "meanings"),
}
DEVELOPMENT_URL = "http://127.0.0.1:8000"  # in the examples


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the documentation; `name` is the end of its address, `path` that of its file."""

    name: str
    path: str
    title: str
    html: SafeString


def names() -> dict[str, str]:
    """Give the pages there are: the name of each by its file."""
    every = (path for paths in GROUPS.values() for path in paths)
    return {f"{path}.md": path.rpartition("/")[2] for path in every if (FOLDER / f"{path}.md").is_file()}


def contents() -> list[tuple[str, list[Page]]]:
    """Give the pages by group."""
    there = names()
    groups = {
        title: [there[f"{path}.md"] for path in paths if f"{path}.md" in there] for title, paths in GROUPS.items()
    }
    return [(title, [page for name in found if (page := page_of(name))]) for title, found in groups.items()]


@lru_cache(maxsize=64)  # files change with the product only
def page_of(name: str) -> Page | None:
    path = next((path for path, known in names().items() if known == name), None)
    if path is None:
        return None
    text = (FOLDER / path).read_text().replace(DEVELOPMENT_URL, settings.PUBLIC_URL)
    return Page(name, path, markup.title_of(text), markup.render(text, follow=partial(followed, path)))


def followed(path: str, address: str) -> Link | None:
    """Give where a link in a file leads: to another page, to its own file's headings, or to the web."""
    if address.startswith(("#", "https://", "http://", "mailto:")):
        return Link(address)
    target, _, heading = address.partition("#")
    file = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    name = names().get(file)
    if name is None:
        return None
    title = markup.title_of((FOLDER / file).read_text())
    return Link(reverse("doc", kwargs={"name": name}) + (f"#{heading}" if heading else ""), title)
