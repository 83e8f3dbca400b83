"""Reads the part before the at-sign: RFC 5321 section 4.1.2 as widened by RFC 6531 section 3.3."""

from __future__ import annotations

import re

from verification.engine.syntax.refusal import Refused, describe

LOCAL_PART_OCTETS = 64  # RFC 5321 section 4.5.3.1.1

# RFC 6531 lets in all of UTF-8; control characters and line ends of Unicode stay out (RFC 5198 section 2).
_OTHER = "\u00a0-\u2027\u202a-\ud7ff\ue000-\U0010ffff"
_NOT_ATEXT = re.compile(rf"[^A-Za-z0-9!#$%&'*+/=?^_`{{|}}~.\-{_OTHER}]")
_NOT_QUOTED = re.compile(rf"[^ -~{_OTHER}]")
_QUOTED_STRING = re.compile(rf'"((?:[ !#-\[\]-~{_OTHER}]|\\[ -~])*+)"')
_QUOTED_PAIR = re.compile(r"\\(.)")
_TO_ESCAPE = re.compile(r'["\\]')


def read_local_part(user: str) -> str:
    """Give the local part as it is sent: needless quotes and quoted pairs off.  Raises Refused."""
    if not user:
        raise Refused("nothing stands before the at-sign (RFC 5321 section 4.1.2)")
    if len(user) > LOCAL_PART_OCTETS or len(user.encode(errors="replace")) > LOCAL_PART_OCTETS:
        raise Refused(f"the local part has more than {LOCAL_PART_OCTETS} octets (RFC 5321 section 4.5.3.1.1)")
    if user[0] == '"':
        return _read_quoted(user)
    _check_dot_string(user)
    return user


def _check_dot_string(user: str) -> None:
    if bad := _NOT_ATEXT.search(user):
        raise Refused(_why_not_atext(bad[0]))
    for found, where in ((user[0] == ".", "starts with a dot"), (user[-1] == ".", "ends with a dot")):
        if found:
            raise Refused(f"the local part {where} (RFC 5321 section 4.1.2, Dot-string)")
    if ".." in user:
        raise Refused("the local part has two dots in a row (RFC 5321 section 4.1.2, Dot-string)")


def _why_not_atext(char: str) -> str:
    if char in "()":
        return "a comment is no part of a mailbox (RFC 5321 section 4.1.2; RFC 5322 section 3.2.2 is for headers)"
    if char == '"':
        return "quotes must go around the whole local part (RFC 5321 section 4.1.2, Quoted-string)"
    return f"{describe(char)} cannot stand in a local part without quotes (RFC 5322 section 3.2.3, atext)"


def _read_quoted(user: str) -> str:
    quoted = _QUOTED_STRING.fullmatch(user)
    if quoted is None:
        raise Refused(_why_not_quoted(user))
    content = _QUOTED_PAIR.sub(r"\1", quoted[1])
    if content:
        try:
            _check_dot_string(content)
        except Refused:
            pass  # so the quotes are needed
        else:
            return content
    return '"' + _TO_ESCAPE.sub(r"\\\g<0>", content) + '"'


def _why_not_quoted(user: str) -> str:
    if bad := _NOT_QUOTED.search(user):
        return f"{describe(bad[0])} cannot stand in a quoted local part (RFC 5321 section 4.1.2, qtextSMTP)"
    return "the quotes do not go around the whole local part (RFC 5321 section 4.1.2, Quoted-string)"
