"""Hold the engine against Postfix, Exim and OpenSMTPD: `python -m tests.mailservers`, as root on Debian.

Prints each row of tests/mailservers/table.py, and the transcript where the engine says something else; exits with 1
when it does, with 2 where the servers cannot be brought up.
"""

from __future__ import annotations

import argparse
import sys

from tests.mailservers import packages, sandbox

SECONDS = 170.0


def main() -> int:
    argparse.ArgumentParser(prog="python -m tests.mailservers", description=__doc__).parse_args()
    if refusal := sandbox.refusal():
        print(refusal, file=sys.stderr)
        return 2
    try:
        packages.provide()
        return sandbox.enter("tests.mailservers.inside", [], SECONDS)
    except packages.PackagesMissing as missing:
        print(missing, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
