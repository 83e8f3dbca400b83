"""Guards to break in the copy of the tree, so that the oracle is seen to go red."""

from __future__ import annotations

from pathlib import Path

CONTROLS = {  # name: file, text, what replaces it
    "no-expiry": (  # a dead worker's leases are never freed
        "verification/domain/sweeper.py",
        "WHERE token IS NOT NULL AND lease_until < now()\n",
        "WHERE false\n",
    ),
    "no-transaction": (  # results, counters and charges are written one by one, slowly
        "verification/domain/flush.py",
        '    failpoint("flush_results_written")\n',
        '    await connection.execute("COMMIT")\n    __import__("time").sleep(0.5)\n',
    ),
    "no-memory": (  # what has a result is asked again, and its second answer counts
        "verification/domain/claims.py",
        "AND r.check_row_id IS NULL\n",
        "\n",
    ),
}


def sabotage(tree: Path, name: str) -> None:
    """Break one guard.  Raises ValueError when the text is not there any more."""
    path, text, broken = CONTROLS[name]
    source = (tree / path).read_text()
    if source.count(text) != 1:
        raise ValueError(f"{path} does not contain once: {text}")
    (tree / path).write_text(source.replace(text, broken))
    if name == "no-memory":
        flush = tree / "verification/domain/flush_sql.py"
        flush.write_text(flush.read_text().replace("WHERE NOT r.final\n", ""))
