"""Markdown as HTML.  Whatever it holds, no tag of its own survives, and no address but those of the web and mail."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

READER = MarkdownIt("commonmark", {"html": False}).enable("table")
SCROLLING = '<div class="table-scroll" tabindex="0" role="region" aria-label="Table %d"><table>'
NOT_OF_ANCHORS = re.compile(r"[^\w\- ]")


@dataclass(frozen=True, slots=True)
class Link:
    """Where a link leads; `title` is what a link that names a file is called instead."""

    address: str
    title: str = ""


Follow = Callable[[str], Link | None]  # None: words without a link


def render(text: str, *, follow: Follow = Link) -> SafeString:
    """Give a text's HTML; headings can be linked to by their words, as on GitHub."""
    tokens = READER.parse(text)
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            token.attrSet("id", anchor(tokens[number + 1].content))
        elif token.type == "inline":
            token.children = list(_followed(token.children or [], follow))
    return mark_safe(_scrolling(READER.renderer.render(tokens, READER.options, {})))  # noqa: S308  # see READER


def _followed(tokens: list[Token], follow: Follow) -> Iterator[Token]:
    """Give the tokens of a line with links as `follow` has them; pictures are left out."""
    open_links: list[Link | None] = []
    for token in tokens:
        if token.type == "link_open":
            link = follow(str(token.attrGet("href") or ""))
            open_links.append(link)
            if link is None:
                continue
            token.attrSet("href", link.address)
        elif token.type == "image" or (token.type == "link_close" and open_links.pop() is None):
            continue
        elif open_links and open_links[-1] and open_links[-1].title and token.content.endswith(".md"):
            token.content = open_links[-1].title
        yield token


def _scrolling(html: str) -> str:
    """Let wide tables and code scroll by themselves, with the keyboard, too."""
    number = count(1)
    html = re.sub("<table>", lambda _: SCROLLING % next(number), html)
    return html.replace("</table>", "</table></div>").replace("<pre>", '<pre tabindex="0">')


def anchor(heading: str) -> str:
    return NOT_OF_ANCHORS.sub("", heading.lower()).replace(" ", "-")


def title_of(text: str) -> str:
    """Give the words of a text's first heading."""
    tokens: list[Any] = READER.parse(text)  # Any: Token
    found = (tokens[number + 1].content for number, token in enumerate(tokens) if token.type == "heading_open")
    return str(next(found, "")).replace("`", "")
