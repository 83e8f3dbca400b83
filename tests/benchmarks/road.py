"""The whole road: upload of 20,000 addresses over 2,000 domains to the last result, against a running ./run.

    ./run &            # with PORTAL_DATA and PORT as you like
    python -m tests.benchmarks.road [--data .data] [--addresses 20000] [--domains 2000]

Signs in with the account of first-run.json, uploads, starts, waits, and prints rates and the peak memory of each
process of the product (VmHWM, from /proc).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from tests.benchmarks.customer import Customer, print_memory


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, default=Path(".data"))
    options.add_argument("--addresses", type=int, default=20_000)
    options.add_argument("--domains", type=int, default=2_000)
    chosen = options.parse_args()
    customer = Customer(chosen.data)
    run = int(time.time())  # addresses of their own, so that no earlier result is used again
    rows = chosen.addresses
    _, times, counts = customer.verify(f"user{n}.{run}@bulk-{n % chosen.domains + 1}.test" for n in range(rows))
    print(f"{'upload and look':34}{times.upload:8.2f} s")
    print(f"{'start to rows being checks':34}{times.ready:8.2f} s")
    print(f"{'start to first result visible':34}{times.first:8.2f} s")
    print(f"{'start to last result':34}{times.last:8.2f} s {rows / times.last:10,.0f} addresses/s")
    whole = times.upload + times.last
    print(f"{'upload to last result':34}{whole:8.2f} s {rows / whole:10,.0f} addresses/s")
    print({name: count for name, count in counts.items() if count})
    print_memory(customer.data)


if __name__ == "__main__":
    main()
