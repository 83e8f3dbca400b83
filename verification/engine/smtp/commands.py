"""The only lines that ever leave for a mail server.  No message is sent, nothing is asked but RCPT."""

from __future__ import annotations

import re

MAX_LINE = 512  # octets, RFC 5321 section 4.5.3.1.4

EHLO, HELO, STARTTLS, MAIL, RCPT, RSET, QUIT = "EHLO", "HELO", "STARTTLS", "MAIL", "RCPT", "RSET", "QUIT"
_TEMPLATES = {
    EHLO: "EHLO %s\r\n",
    HELO: "HELO %s\r\n",
    MAIL: "MAIL FROM:<%s>\r\n",
    RCPT: "RCPT TO:<%s>\r\n",
}
_BARE = {STARTTLS: b"STARTTLS\r\n", RSET: b"RSET\r\n", QUIT: b"QUIT\r\n"}
_UTF8 = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_SPECIAL = re.compile(r'["<>]')
_BRACKET_OUTSIDE_QUOTES = re.compile(r'(?:[^"<>]++|"(?:[^"\\]|\\.)*+")++')


class UnsafeCommand(ValueError):
    """An argument that would not stay within its line, or not within the brackets."""


def bare(verb: str) -> bytes:
    return _BARE[verb]


def hello(verb: str, name: str) -> bytes:
    """Give EHLO or HELO.  Raises UnsafeCommand."""
    return _line(_TEMPLATES[verb], name)


def mail(sender: str, *, smtputf8: bool = False) -> bytes:
    """Give MAIL with a sender, which is never empty.  Raises UnsafeCommand."""
    line = _line(_TEMPLATES[MAIL], _path(sender))
    return line[:-2] + b" SMTPUTF8\r\n" if smtputf8 else line  # RFC 6531 section 3.4


def recipient(mailbox: str, *, smtputf8: bool = False) -> bytes:
    """Give RCPT.  Raises UnsafeCommand."""
    return _line(_TEMPLATES[RCPT], _path(mailbox), smtputf8=smtputf8)


def _path(mailbox: str) -> str:
    if not mailbox or (_SPECIAL.search(mailbox) and not _BRACKET_OUTSIDE_QUOTES.fullmatch(mailbox)):
        raise UnsafeCommand("brackets or loose quotes in a path")
    return mailbox


def _line(template: str, argument: str, *, smtputf8: bool = False) -> bytes:
    clean = _UTF8.fullmatch(argument) if smtputf8 else argument.isascii() and argument.isprintable()
    if not clean or not argument:
        raise UnsafeCommand("control or non-ASCII characters in a command")
    line = (template % argument).encode()
    if len(line) > MAX_LINE:
        raise UnsafeCommand("a command of more than 512 octets")
    return line
