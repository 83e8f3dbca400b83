"""Finds signs outside quoted strings (RFC 5321 section 4.1.2: DQUOTE *QcontentSMTP DQUOTE)."""

from __future__ import annotations

LONGEST_QUOTED = 1_024  # characters; no text of this length is a mailbox, so beyond it quotes are not looked at


def split_at_sign(text: str) -> tuple[str, str, int]:
    """Split at the last at-sign: (user, domain, number of at-signs); those inside quotes do not count."""
    if '"' not in text or len(text) > LONGEST_QUOTED:
        user, at_sign, domain = text.rpartition("@")
        return (user, domain, text.count("@")) if at_sign else (text, "", 0)
    positions = _outside_quotes(text, "@")
    if not positions:
        return text, "", 0
    return text[: positions[-1]], text[positions[-1] + 1 :], len(positions)


def last_outside_quotes(text: str, sign: str) -> int:
    """Give the position of the last `sign` outside quotes, -1 when there is none."""
    if '"' not in text or len(text) > LONGEST_QUOTED:
        return text.rfind(sign)
    positions = _outside_quotes(text, sign)
    return positions[-1] if positions else -1


def _outside_quotes(text: str, sign: str) -> list[int]:
    found: list[int] = []
    within: list[int] = []  # since the quote that is open
    quoted = escaped = False
    for position, here in enumerate(text):
        if here == sign:
            (within if quoted else found).append(position)
        if escaped:
            escaped = False
        elif here == "\\":
            escaped = quoted  # outside quotes a backslash escapes nothing: RFC 3696 erratum 246
        elif here == '"':
            quoted = not quoted
            within.clear()
    return found + within  # a quote that never closes hides nothing
