"""Measures the syntax part: `python -m tests.benchmarks.syntax`.  Rates are of one core, best of five."""

from __future__ import annotations

import random
import time
import tracemalloc
from collections.abc import Callable

from verification.engine.lists import is_disposable, is_free, is_role
from verification.engine.syntax import parse, parse_fully

FIRST = ["jane", "john", "maria", "li", "info", "sales", "o'brien", "anna-lena", "j"]
LAST = ["doe", "smith", "miller", "garcia", "van.dam", "wang", "petrov"]
HOSTS = ["gmail.com", "Example.com", "mail.example.co.uk", "my-firm.de", "sub.host.example.org"]
SIZE = 200_000


def ordinary(count: int) -> list[str]:
    """Make addresses as lists hold them: mostly providers and firms, here and there an upper-case letter."""
    pick = random.Random(7).choice
    return [
        f"{pick(FIRST)}.{pick(LAST)}{number}@{pick(HOSTS) if number % 2 else f'bulk-{number % 10_000}.test'}"
        for number in range(count)
    ]


def mixed(count: int) -> list[str]:
    """Make a list with one address in twenty that needs the full parser."""
    odd = ["josé@example.com", "jane@müller.de", '"jane doe"@example.com', "a..b@example.com", "nobody", "a@b@c.com"]
    return [odd[n // 20 % len(odd)] if n % 20 == 0 else text for n, text in enumerate(ordinary(count))]


def rate(act: Callable[[str], object], texts: list[str]) -> int:
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        for text in texts:
            act(text)
        best = min(best, time.perf_counter() - started)
    return int(len(texts) / best)


def main() -> None:
    ordinary_list = ordinary(SIZE)
    print(f"ordinary list         {rate(parse, ordinary_list):>10,} a second")
    print(f"one in 20 not ordinary{rate(parse, mixed(SIZE)):>10,} a second")
    print(f"full parser alone     {rate(parse_fully, ordinary_list[:20_000]):>10,} a second")
    print(f"internationalized     {rate(parse, ['josé@müller.example.com'] * 5_000):>10,} a second")
    domains = [text.rpartition("@")[2].lower() for text in ordinary_list]
    users = [text.rpartition("@")[0] for text in ordinary_list]
    tracemalloc.start()
    is_disposable("example.com"), is_free("example.com"), is_role("info")
    print(f"lists in memory       {tracemalloc.get_traced_memory()[0] / 1e6:>10.1f} MB")
    tracemalloc.stop()
    print(f"is_disposable         {rate(is_disposable, domains):>10,} a second")
    print(f"is_free               {rate(is_free, domains):>10,} a second")
    print(f"is_role               {rate(is_role, users):>10,} a second")


if __name__ == "__main__":
    main()
