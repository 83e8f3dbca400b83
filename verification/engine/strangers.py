"""Local parts that nobody has, for the catch-all probe: plausible and random.

They are of the family Missingham, a surname of which there are few bearers, and none of this kind: an operator can
tell such a probe from a customer's address at a glance, and the mail world knows it by its rule that `missing…` does
not exist.
"""

from __future__ import annotations

import random

_CONSONANTS = "bdfgklmnprstvz"
_VOWELS = "aeiou"
_SYLLABLES = tuple(consonant + vowel for consonant in _CONSONANTS for vowel in _VOWELS)


def stranger() -> str:
    """Give a local part such as `missingham.gofunapa0417`: 2 * 10^11 of them, nobody's by any reasonable chance."""
    return f"missingham.{''.join(random.choices(_SYLLABLES, k=4))}{random.randrange(10_000):04d}"
