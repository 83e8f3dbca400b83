"""The replies of the mail world's servers that the table of scenarios does not name."""

from __future__ import annotations

from functools import cache

from verification.engine.scenarios.table import Scenario, ServerReply
from verification.engine.types import Meaning


@cache
def on_wire(reply: ServerReply) -> bytes:
    return f"{reply}\r\n".encode()


@cache
def greeting(scenario: Scenario) -> bytes:
    if scenario.greeting is not None:
        return on_wire(scenario.greeting)
    return f"220 mx.{scenario.name}.test ESMTP\r\n".encode() if scenario.knows_ehlo else b"220 Mail service ready\r\n"


@cache
def ehlo(scenario: Scenario, secure: bool) -> bytes:
    extensions = scenario.extensions
    if scenario.needs_tls and not secure:
        extensions = (*extensions, "STARTTLS")
    lines = (f"mx.{scenario.name}.test greets you", *extensions)
    marks = "-" * (len(lines) - 1) + " "
    return "".join(f"250{mark}{line}\r\n" for mark, line in zip(marks, lines, strict=True)).encode()


HELO = b"250 Hello\r\n"
OK = b"250 2.0.0 Ok\r\n"
SENDER_OK = b"250 2.1.0 Ok\r\n"
BYE = b"221 2.0.0 Bye\r\n"
TLS_READY = b"220 2.0.0 Ready to start TLS\r\n"
TLS_FIRST = b"530 5.7.0 Must issue a STARTTLS command first\r\n"
NO_MAIL_TAKEN = b"554 5.7.0 No message is taken here\r\n"
CANNOT_VERIFY = b"252 2.1.5 Cannot verify the user\r\n"
UNKNOWN_COMMAND = b"500 5.5.2 Command not recognized\r\n"
BAD_SEQUENCE = b"503 5.5.1 Bad sequence of commands\r\n"
BAD_SYNTAX = b"501 5.5.4 Syntax error in parameters\r\n"
BAD_PARAMETER = b"555 5.5.4 Unsupported option\r\n"
NEEDS_SMTPUTF8 = b"553 5.6.7 The address needs SMTPUTF8\r\n"
TOO_LONG = b"500 5.5.6 Line too long\r\n"
TOO_MANY_ERRORS = b"421 4.7.0 Too many errors\r\n"
NOT_OURS = ServerReply(554, "5.7.1", "Relay access denied: not a domain of this host", Meaning.POLICY)
