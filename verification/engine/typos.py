"""Suggests the domain that was probably meant.  Whether the suggestion takes mail is for the caller to ask the DNS."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

_COMMON = (
    *("gmail.com", "googlemail.com", "yahoo.com", "ymail.com", "rocketmail.com", "aol.com", "aim.com", "icloud.com"),
    *("me.com", "mac.com", "hotmail.com", "outlook.com", "live.com", "msn.com", "mail.com", "email.com", "gmx.com"),
    *(
        "gmx.net",
        "gmx.de",
        "gmx.at",
        "gmx.ch",
        "web.de",
        "t-online.de",
        "freenet.de",
        "arcor.de",
        "mail.de",
        "posteo.de",
    ),
    *("protonmail.com", "proton.me", "tutanota.com", "zoho.com", "fastmail.com", "yandex.ru", "yandex.com", "mail.ru"),
    *(
        "inbox.ru",
        "list.ru",
        "bk.ru",
        "rambler.ru",
        "ukr.net",
        "qq.com",
        "foxmail.com",
        "163.com",
        "126.com",
        "sina.com",
    ),
    *(
        "naver.com",
        "hanmail.net",
        "daum.net",
        "yahoo.co.jp",
        "yahoo.co.uk",
        "yahoo.fr",
        "yahoo.de",
        "yahoo.es",
        "yahoo.it",
    ),
    *("hotmail.co.uk", "hotmail.fr", "hotmail.de", "hotmail.es", "hotmail.it", "live.co.uk", "live.fr", "outlook.fr"),
    *("outlook.de", "outlook.es", "btinternet.com", "virginmedia.com", "sky.com", "orange.fr", "wanadoo.fr", "free.fr"),
    *(
        "laposte.net",
        "sfr.fr",
        "libero.it",
        "virgilio.it",
        "alice.it",
        "tin.it",
        "wp.pl",
        "o2.pl",
        "onet.pl",
        "interia.pl",
    ),
    *("seznam.cz", "centrum.cz", "bluewin.ch", "ziggo.nl", "telenet.be", "skynet.be", "comcast.net", "verizon.net"),
    *("att.net", "sbcglobal.net", "bellsouth.net", "cox.net", "charter.net", "earthlink.net", "rogers.com", "shaw.ca"),
    *("sympatico.ca", "bigpond.com", "optusnet.com.au", "uol.com.br", "bol.com.br", "terra.com.br", "rediffmail.com"),
)
_KNOWN = frozenset(_COMMON)
_LETTERS = tuple((common, frozenset(common)) for common in _COMMON)
_ROWS = ("1234567890-", "qwertyuiop", "asdfghjkl", "zxcvbnm.")
_NEIGHBOURS = frozenset(
    pair
    for upper, lower in pairwise((*_ROWS, ""))
    for a, b in [*pairwise(upper), *zip(upper, lower, strict=False), *zip(upper[1:], lower, strict=False)]
    for pair in ((a, b), (b, a))
)
_SLIP = 0.5  # a neighbouring key, two letters swapped, a letter doubled or not
_EDIT = 1.0
_SHORT = 7  # characters; a short name has too many true neighbours for a whole edit
_MOST_FOREIGN = 4  # letters that only one of two names has, after two slips


@lru_cache(maxsize=8_192)
def did_you_mean(ascii_domain: str) -> str:
    """Give the common mail domain two slips or one edit away, else ""."""
    if ascii_domain in _KNOWN or len(ascii_domain) > 64:
        return ""
    letters = frozenset(ascii_domain)
    near = [
        (_distance(ascii_domain, common), common)
        for common, others in _LETTERS
        if abs(len(common) - len(ascii_domain)) < 2 and len(letters ^ others) <= _MOST_FOREIGN
    ]
    distance, common = min(near, default=(2 * _EDIT, ""))
    return common if distance <= (_SLIP if len(common) <= _SHORT else _EDIT) else ""


def _distance(typed: str, meant: str) -> float:
    """Count slips and edits: Damerau-Levenshtein (adjacent swaps) with half the price for slips of the hand."""
    before: list[float] = []
    above = [index * _EDIT for index in range(len(meant) + 1)]
    for row, here in enumerate(typed, 1):
        line = [row * _EDIT]
        for column, there in enumerate(meant, 1):
            line.append(
                min(
                    above[column] + (_SLIP if row > 1 and typed[row - 2] == here else _EDIT),
                    line[column - 1] + (_SLIP if column > 1 and meant[column - 2] == there else _EDIT),
                    above[column - 1] + _price(here, there),
                )
            )
            if row > 1 and column > 1 and here == meant[column - 2] and there == typed[row - 2]:
                line[column] = min(line[column], before[column - 2] + _SLIP)
        before, above = above, line
    return above[-1]


def _price(here: str, there: str) -> float:
    if here == there:
        return 0.0
    return _SLIP if (here, there) in _NEIGHBOURS else _EDIT
