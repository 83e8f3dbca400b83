"""Many requests made up from the OpenAPI schema, sent to a server of their own: `python -m tests.fuzz_api [20000]`.

Other ones each time; the test suite sends the same 600 on each run.  Ends at the first answer that the schema does
not describe, and shows it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from portal.checks import ROOT, surroundings

REQUESTS = 100_000
TEST = "tests/verification/api/test_fuzz.py::test_requests_made_up_from_the_schema"


def main(arguments: list[str]) -> int:
    wanted = int(arguments[0]) if arguments else REQUESTS
    started = time.monotonic()
    with surroundings() as environment:
        command = [sys.executable, "-m", "pytest", "-q", TEST]
        code = subprocess.run(command, cwd=ROOT, env=environment | {"FUZZ_REQUESTS": str(wanted)}).returncode
    print(f"{wanted} requests in {time.monotonic() - started:.0f} s: {'all well' if code == 0 else 'see above'}")
    return code


if __name__ == "__main__":
    if os.environ.get("FUZZ_REQUESTS"):
        sys.exit("FUZZ_REQUESTS is set by this command; say the number as its argument.")
    sys.exit(main(sys.argv[1:]))
