"""Locks on both stores, beside PostgreSQL's advisory locks, etcd's, and one sync of the disk."""

import statistics
from pathlib import Path

from bench_table import Table, measure, milli_seconds, series
from servers import Etcd, Postgres

HANDOVERS = 12  # of each of the two processes
QUARTER_LEASE_MS = 750
WHAT = {"sqlite": "hedgerow::lock on SQLite", "postgres": "hedgerow::lock on PostgreSQL",
        "etcd": "etcd's lock", "advisory": "pg_advisory_lock"}


def cycles(table: Table, folder: Path, server: Postgres, etcd: Etcd, url: str):
    table.progress("locks by one client, in turns")
    found = series(measure("lock-cycles", "--folder", str(folder), "--postgres", url, "--etcd",
                           str(etcd.port), environment=server.environment))
    took = {name: one["p50_ns"] for name, one in found.items()}
    table.add("fdatasync of 4 KiB on the disk of all these",
              milli_seconds(took["fdatasync"]), "", "", None)
    for name, what in WHAT.items():
        beside = "" if name == "etcd" else f"etcd {1e9 / took['etcd']:.0f} /s; "
        ratio = "" if name == "etcd" else f" ({took['etcd'] / took[name]:.2f} x)"
        table.add(f"{what}: acquire and release", f"{1e9 / took[name]:.0f} /s",
                  f"{beside}as long as {took[name] / took['fdatasync']:.2f} syncs",
                  f"reported{ratio}", None)


def handover(table: Table, store: str, url: str, clock: str, server: Postgres):
    what = f"contended lock on {store}: release until the other has it"
    table.progress(what)
    out = measure("lock-handover", url, clock, str(HANDOVERS), environment=server.environment)
    sides = [line["p50_ns"] for line in map(series, out.splitlines()) for line in line.values()]
    table.add(what, milli_seconds(statistics.mean(sides)),
              f"by polling alone up to {QUARTER_LEASE_MS} ms", "reported", None)


def locks(table: Table, folder: Path):
    table.progress("starting PostgreSQL and etcd")
    with Postgres(folder / "postgres-locks") as server:
        url = server.database("locks")
        with Etcd(folder / "etcd") as etcd:
            cycles(table, folder, server, etcd, url)
        handover(table, "SQLite", str(folder / "handover.db"), "machine", server)
        handover(table, "PostgreSQL", url, "declared:5ms", server)
