"""The lease of a group on PostgreSQL: how fast it passes on, and what it costs the database."""

import time
from pathlib import Path

from bench_groups import DEFAULT_LEASE_MS, NAMES, cluster, lost_leaders
from bench_table import Table
from servers import Postgres

CLOCK = "declared:5ms"
FEW_SECONDS = 20
# The connections of followers, which they need while they join, are closed after 60 s of idleness.
MANY_SECONDS = 65
MANY = 50


def statements(table: Table, server: Postgres, database: str, size: int, seconds: int):
    """By pg_stat_statements, whose counts are exact at once; the look itself is at another
    database."""
    table.progress(f"{size} idle agents on PostgreSQL, for {seconds} s")
    before, began = server.statements(database), time.monotonic()
    time.sleep(seconds)  # the measurement is of a span of time, not of a condition
    after, ended = server.statements(database), time.monotonic()
    done = {text: more for text, calls in after.items() if (more := calls - before.get(text, 0))}
    rate = sum(done.values()) / (ended - began)
    verbs = ", ".join(sorted({text.split(" ", 1)[0] for text in done}))
    renewals = 4000 / DEFAULT_LEASE_MS
    table.add(f"statements of an idle group of {size} on PostgreSQL ({verbs})", f"{rate:.2f} /s",
              f"renewals, lease {DEFAULT_LEASE_MS} ms: {renewals:.2f} /s", "that, within 10 %",
              abs(rate - renewals) <= 0.1 * renewals)


def lease(table: Table, repeats: int, folder: Path):
    table.progress("starting PostgreSQL")
    with Postgres(folder / "postgres") as server:
        with cluster(store=server.database("failover"), clock=CLOCK,
                     environment=server.environment) as five:
            lost_leaders(table, five, repeats, ", PostgreSQL")
        with cluster(DEFAULT_LEASE_MS, store=server.database("load"), clock=CLOCK,
                     environment=server.environment) as agents:
            statements(table, server, "load", len(NAMES), FEW_SECONDS)
            table.progress(f"{MANY} agents become a group")
            agents.grow([f"oak-{n}" for n in range(MANY - len(NAMES))])
            joined = server.connections("load")
            statements(table, server, "load", MANY, MANY_SECONDS)
            left = server.connections("load")
            table.add(f"connections of an idle group of {MANY} to PostgreSQL", str(left),
                      f"just after all had joined: {joined}", "", None)
