"""Local parts that nobody has, for the catch-all probe: plausible, random, and known by their check digits.

The check digits cost a mail server nothing and let an operator (and the mail world) tell such a probe from a customer's
address: two pronounceable names and four digits, which are a checksum of the names.
"""

from __future__ import annotations

import random
import re
import zlib

_CONSONANTS = "bdfgklmnprstvz"
_VOWELS = "aeiou"
_SYLLABLES = tuple(consonant + vowel for consonant in _CONSONANTS for vowel in _VOWELS)
_STRANGER = re.compile(rf"((?:[{_CONSONANTS}][{_VOWELS}]){{3}}\.(?:[{_CONSONANTS}][{_VOWELS}]){{4}})([0-9]{{4}})")


def stranger() -> str:
    """Give a local part such as `tamiro.gofunapa0417`: 8 * 10^12 of them, so nobody's by any reasonable chance."""
    names = "".join(random.choices(_SYLLABLES, k=3)) + "." + "".join(random.choices(_SYLLABLES, k=4))
    return names + _check(names)


def is_stranger(local_part: str) -> bool:
    match = _STRANGER.fullmatch(local_part)
    return match is not None and _check(match[1]) == match[2]


def _check(names: str) -> str:
    return f"{zlib.crc32(names.encode()) % 10_000:04d}"
