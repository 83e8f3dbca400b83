"""What the machines are given to do, what must come of it, and the judgement by the end state alone."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from tests.machines.hosts import Database, Host

ADDRESSES = 6_000
DOMAINS = 600
SLOW, SLOW_ADDRESSES = "slow-500.test", 1_000  # four batches: all hosts want it
MOST_CONNECTIONS = 5  # PROBE_PER_HOST
RECIPIENT = re.compile(r"RCPT TO:<[^@>]*@([^>]+)>", re.IGNORECASE)
EXPIRED = re.compile(r"(\d+) leases expired")
Verdict = tuple[str, str]

RESULTS = """
SELECT c.address, r.result, r.reason, r.final, r.charged
FROM verification_check c LEFT JOIN verification_checkresult r ON r.check_row_id = c.id
"""
MONEY = """
SELECT (SELECT sum(used) FROM accounts_quotaperiod), (SELECT sum(settled) FROM accounts_reservation),
       (SELECT coalesce(sum(amount), 0) FROM accounts_ledgerentry WHERE kind = 'settle')
"""
RESERVED = "SELECT sum(reserved) FROM accounts_quotaperiod"
DELIVERED = "SELECT unnest(check_ids) FROM verification_event WHERE type = 'VERIFIED'"


def expected(number: int) -> tuple[str, Verdict]:
    """Give an address and its verdict."""
    if number < SLOW_ADDRESSES:
        return f"user{number}@{SLOW}", ("Ok", "Success")
    domain = number % (DOMAINS - 1)
    if domain % 20 == 7:
        return f"user{number}@catchall-{domain}.test", ("Unverifiable", "ServerIsCatchAll")
    if domain % 20 == 9:
        return f"user{number}@nomx-{domain}.test", ("Bad", "NoMxServersFound")
    name = (f"bulk-{domain}", f"slow-1000-{domain}", f"slow-2000-{domain}")[domain % 3]
    if number % 10 == 0:
        return f"missing{number}@{name}.test", ("Bad", "MailboxDoesNotExist")
    return f"user{number}@{name}.test", ("Ok", "Success")


def faults(database: Database) -> dict[str, int]:
    """Count what is wrong in the rows, by kind; all are 0 when the promise holds."""
    wanted = dict(map(expected, range(ADDRESSES)))
    rows = database.ask(RESULTS)
    ended = [row for row in rows if row[3]]
    charged = sum(bool(row[4]) for row in rows)
    delivered = Counter(check for (check,) in database.ask(DELIVERED))
    (batches,) = database.ask("SELECT count(*) FROM verification_batch")[0]
    (open_jobs,) = database.ask("SELECT count(*) FROM verification_job WHERE status <> 'finished'")[0]
    return {
        "addresses lost": len(wanted) - len({row[0] for row in ended}),
        "addresses doubled": len(rows) - len({row[0] for row in rows}),
        "wrong verdicts": sum((row[1], row[2]) != wanted[row[0]] for row in ended),
        "told of twice": sum(n - 1 for n in delivered.values()),
        "never told of": ADDRESSES - len(delivered),
        "not charged": ADDRESSES - charged,
        "charges off the books": sum(abs(charged - (figure or 0)) for figure in database.ask(MONEY)[0]),
        "still reserved": database.ask(RESERVED)[0][0],
        "batches left": batches,
        "jobs not finished": open_jobs,
    }


def leases_lost(hosts: Iterable[Host]) -> int:
    """Count the leases that somebody's sweeper took from the dead or the cut off."""
    return sum(int(found) for host in hosts for found in EXPIRED.findall(host.log.read_text()))


def most_connections(hosts: Iterable[Host]) -> dict[str, int]:
    """Give the most connections that were open at once to each domain, over all mail worlds."""
    changes: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for host in hosts:
        for domain, opened, closed in connections(host):
            changes[domain] += [(opened, 1), (closed, -1)]
    return {domain: most(sorted(of_domain)) for domain, of_domain in changes.items()}


def most(changes: list[tuple[float, int]]) -> int:
    now = peak = 0
    for _, change in changes:
        now += change
        peak = max(peak, now)
    return peak


def connections(host: Host) -> Iterator[tuple[str, float, float]]:
    """Give domain, begin and end of each connection in which a recipient was named."""
    begun: dict[int, float] = {}
    ended: dict[int, float] = {}
    domains: dict[int, str] = {}
    for entry in host.heard():
        number = entry["connection"]
        if entry["event"] == "open":
            begun[number] = entry["time"]
        elif entry["event"] == "close":
            ended[number] = entry["time"]
        elif match := RECIPIENT.match(entry["detail"]):
            domains.setdefault(number, match[1])
    for number, domain in domains.items():
        yield domain, begun[number], ended.get(number, host.killed_at)
