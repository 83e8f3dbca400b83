"""Three machines on one database: one is killed, one is cut off for 30 s; nothing is lost, pacing stays global.

    python -m tests.machines
    python -m tests.machines --control no-cap     # hosts allow themselves more than the oracle does: must end red

Needs root: the machines are network namespaces, joined by a bridge in a namespace of their own that no packet leaves.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys

from tests.mailservers import sandbox

SECONDS = 180.0
TOOLS = ("unshare", "mount", "ip")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.machines", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--control", choices=("no-cap",), default="")
    control = parser.parse_args().control
    if reason := refusal():
        print(reason, file=sys.stderr)
        return 2
    return sandbox.enter("tests.machines.inside", [control] if control else [], SECONDS)


def refusal() -> str:
    """Tell why there can be no machines here, "" when there can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "tests.machines needs root on Linux: its machines are network namespaces"
    if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
        return f"tests.machines needs {', '.join(missing)}: packages util-linux, mount, iproute2"
    words = ["unshare", "--net", "ip", "link", "add", "bridge0", "type", "bridge"]
    probe = subprocess.run(words, capture_output=True, text=True, check=False)
    return "" if probe.returncode == 0 else f"no network namespaces with bridges here: {probe.stderr.strip()}"


if __name__ == "__main__":
    sys.exit(main())
