"""What is looked at in the house: clock, database, queue, disk."""

from __future__ import annotations

import shutil
import socket
import time

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django_q.status import Stat

from verification.domain.doctor.found import Found
from verification.domain.silence import AT_WORK
from verification.models import FindingState, Subject

OK, NOTE, UNCLEAR, BROKEN = FindingState.OK, FindingState.NOTE, FindingState.UNCLEAR, FindingState.BROKEN

SKEW_SECONDS, GREAT_SKEW_SECONDS = 1.0, 5.0
STILL_SECONDS = 60.0  # for which due work may lie about without anybody at work
LOOKS, LOOK_SECONDS = 8, 0.5  # for a cluster; a report is kept for 3 s only
LOW_BYTES, LEAST_BYTES = 2_000_000_000, 200_000_000
BUSY_CONNECTIONS = 0.9

# Due work that nobody has, for how long, and leases that are alive.
WORK = f"""
SELECT count(*), coalesce(extract(epoch FROM now() - min(due_at)), 0)::float,
       (SELECT count(*) FROM verification_batch WHERE token IS NOT NULL AND lease_until > now())
FROM (
    SELECT b.due_at FROM verification_job j
    JOIN accounts_account a ON a.id = j.account_id AND a.status = 'active'
    JOIN verification_batch b ON b.job_id = j.id AND b.token IS NULL AND b.due_at <= now()
    WHERE {AT_WORK}
) AS due
"""
CONNECTIONS = """
SELECT current_setting('server_version'), current_setting('max_connections')::int,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
"""


def clock() -> Found:
    """Compare this machine's clock with the database's."""
    looked_at = "This machine's clock beside the database's, whose time leases and rates go by."
    before = time.time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        (theirs,) = cursor.fetchone()
    after = time.time()
    unsure = (after - before) / 2
    return judge_clock(looked_at, skew=(before + after) / 2 - theirs, unsure=unsure)


def judge_clock(looked_at: str, *, skew: float, unsure: float) -> Found:
    """Judge a difference known to within `unsure` seconds."""
    least, most = max(abs(skew) - unsure, 0.0), abs(skew) + unsure
    outcome = f"{abs(skew):.2f} s {'ahead' if skew > 0 else 'behind'}, give or take {unsure:.2f} s."
    if most <= SKEW_SECONDS:
        return Found(Subject.CLOCK, OK, looked_at, outcome)
    advice = "Have both machines follow the same time servers (chrony, systemd-timesyncd)."
    if least > GREAT_SKEW_SECONDS:
        return Found(Subject.CLOCK, BROKEN, looked_at, outcome, advice)
    return Found(Subject.CLOCK, NOTE if least > SKEW_SECONDS else UNCLEAR, looked_at, outcome, advice)


def database() -> Found:
    """Ask the database, and whether it has what this version needs."""
    looked_at = "An answer of the database, its connections, and whether all migrations are applied."
    started = time.monotonic()
    try:
        with connection.cursor() as cursor:
            cursor.execute(CONNECTIONS)
            version, most, taken = cursor.fetchone()
        milliseconds = (time.monotonic() - started) * 1000
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error as error:
        advice = "Start it, or look at DATABASE_URL."
        return Found(Subject.DATABASE, BROKEN, looked_at, f"No answer: {error}".strip(), advice)
    outcome = f"Postgres {version} answers in {milliseconds:.0f} ms; {taken} of {most} connections are taken."
    if missing:
        words = f"{outcome} {len(missing)} migrations are missing."
        return Found(Subject.DATABASE, BROKEN, looked_at, words, "Run ./run prepare.")
    if taken > BUSY_CONNECTIONS * most:
        return Found(Subject.DATABASE, NOTE, looked_at, outcome, "Raise max_connections.")
    return Found(Subject.DATABASE, OK, looked_at, outcome)


def queue() -> Found:
    """Look for a living cluster, and for work that lies about."""
    looked_at = "Clusters that report, and due batches without anybody at work."
    with connection.cursor() as cursor:
        cursor.execute(WORK)
        due, oldest, leases = cursor.fetchone()
    clusters = hosts_of_clusters()
    return judge_queue(looked_at, clusters=clusters, due=due, oldest_seconds=oldest, leases=leases)


def hosts_of_clusters() -> list[str]:
    """Give the machine of each cluster; one that is late, or just starting, is waited for."""
    for _ in range(LOOKS):
        if hosts := [stat.host for stat in Stat.get_all()]:
            return hosts
        time.sleep(LOOK_SECONDS)
    return []


def judge_queue(looked_at: str, *, clusters: list[str], due: int, oldest_seconds: float, leases: int) -> Found:
    """Judge who lives and what waits."""
    here = clusters.count(socket.gethostname())
    outcome = f"{here} clusters on this machine, {len(clusters) - here} on others; {due} batches due, {leases} in work."
    if not clusters:
        return Found(Subject.QUEUE, BROKEN, looked_at, outcome, "Start ./run, or ./run supervise for jobs alone.")
    if due and not leases and oldest_seconds > STILL_SECONDS:
        words = f"{outcome} The oldest has been due for {oldest_seconds:.0f} s."
        advice = "The supervisor restarts a queue that stands still; if this lasts, look at the log and restart ./run."
        return Found(Subject.QUEUE, BROKEN, looked_at, words, advice)
    if not here:
        advice = "Lists that are uploaded here are read here, which needs a cluster on this machine."
        return Found(Subject.QUEUE, NOTE, looked_at, outcome, advice)
    return Found(Subject.QUEUE, OK, looked_at, outcome)


def disk() -> Found:
    """Look at the room for uploads, and for what else is in the data folder."""
    looked_at = f"The disk of {settings.PORTAL_DATA}."
    settings.PORTAL_DATA.mkdir(parents=True, exist_ok=True)
    usage = shutil.disk_usage(settings.PORTAL_DATA)
    return judge_disk(looked_at, free=usage.free, total=usage.total)


def judge_disk(looked_at: str, *, free: int, total: int) -> Found:
    outcome = f"{free / 1e9:.1f} of {total / 1e9:.1f} GB are free."
    if free >= LOW_BYTES:
        return Found(Subject.DISK, OK, looked_at, outcome)
    state = BROKEN if free < LEAST_BYTES else NOTE
    return Found(Subject.DISK, state, looked_at, outcome, "Make room: uploads are refused when the disk is full.")
