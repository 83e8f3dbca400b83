"""Warns of letters of several scripts in one word: legal, and often a trick (UTS 39 section 5)."""

from __future__ import annotations

import re
import unicodedata

_WORDS = re.compile(r"[.+_@\-]")
_LETTERS = frozenset({"Lu", "Ll", "Lt", "Lo"})
_TOGETHER = (  # UTS 39 section 5.2, highly restrictive: these are one writing system
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
)


def mixed_scripts(user: str, domain: str) -> str:
    """Give "mixes CYRILLIC and LATIN" for the first word that mixes scripts, else ""."""
    for word in _WORDS.split(f"{user}@{domain}"):
        scripts = _scripts_of(word)
        if len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER):
            return f"mixes {' and '.join(sorted(scripts))}"
    return ""


def _scripts_of(word: str) -> frozenset[str]:
    """Take a letter's script from the first word of its name: the standard library knows no script property."""
    letters = (char for char in unicodedata.normalize("NFKC", word) if unicodedata.category(char) in _LETTERS)
    return frozenset(unicodedata.name(char, "UNKNOWN").split(" ", 1)[0] for char in letters)
