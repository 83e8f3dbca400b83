"""Hold the engine against Postfix, Exim and OpenSMTPD: `python -m tests.mailservers`, as root on Debian.

Prints each row of tests/mailservers/table.py, and the transcript where the engine says something else; exits with 1
when it does, with 2 where the servers cannot be brought up.
"""

from __future__ import annotations

import argparse
import sys

from tests import debian
from tests.mailservers import packages, sandbox

SECONDS = 170.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mailservers", description=__doc__)
    parser.add_argument("--transcript", action="store_true", help="print what was replied beside each row")
    options = parser.parse_args()
    if refusal := sandbox.refusal():
        print(refusal, file=sys.stderr)
        return 2
    try:
        packages.trees()
        return sandbox.enter("tests.mailservers.inside", ["--transcript"] if options.transcript else [], SECONDS)
    except debian.PackagesMissing as missing:
        print(missing, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
