"""What a group of agents costs when nothing happens, and how fast it is when something does."""

import os
import signal
import statistics
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from bench_table import Table
from group import Group, command_path, duration

NAMES = ["ash", "birch", "cedar", "hazel", "rowan"]
LEASE_MS = 1000
DEFAULT_LEASE_MS = 3000
IDLE_SECONDS = 20
FORMING = 60.0


class Cluster:
    """Five agents in a fresh folder, and what happens when one of them is signalled."""

    def __init__(self, folder: Path, lease_ms: int = LEASE_MS, **more):
        self.group = Group(command_path(), folder, f"{lease_ms}ms", **more)
        try:
            self.grow(NAMES)
        except BaseException:
            self.group.end()
            raise

    def grow(self, names: list[str]):
        for name in names:
            self.group.start(name, "")
        self.group.wait("the group", FORMING, lambda: self.group.leader() and self.group.agree())

    def follower(self) -> str:
        return next(n for n in self.group.agents if n != self.group.leader())

    def lose_member(self, number: signal.Signals) -> float:
        name = self.follower()
        since = self.group.lose(name, number)
        told = self.group.wait("a view without it", 10, lambda: self.group.without(name, since))
        self.group.gone[-1].process.kill()
        self.grow([name])
        return max(told.values())

    def lose_leader(self, number: signal.Signals) -> float:
        name = self.group.leader()
        since = self.group.lose(name, number)
        after = self.group.wait("the next leader", 20, lambda: self.group.next_leader(since))
        self.grow([name])
        return after[0] - since

    def idle(self) -> tuple[float, float]:
        """Resident MB of the largest agent, and percent of a core of the busiest."""
        ticks = os.sysconf("SC_CLK_TCK")
        pids = [a.process.pid for a in self.group.agents.values()]

        def used(pid: int) -> float:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / ticks

        before = {p: used(p) for p in pids}
        time.sleep(IDLE_SECONDS)  # the measurement is of a span of time, not of a condition
        share = max(100 * (used(p) - before[p]) / IDLE_SECONDS for p in pids)
        resident = max(int(Path(f"/proc/{p}/statm").read_text().split()[1]) *
                       os.sysconf("SC_PAGE_SIZE") / 1e6 for p in pids)
        return resident, share


@contextmanager
def cluster(lease_ms: int = LEASE_MS, **more):
    with tempfile.TemporaryDirectory(prefix="hedgerow-bench-") as folder:
        five = Cluster(Path(folder), lease_ms, **more)
        try:
            yield five
        finally:
            five.group.end()


def idleness(table: Table):
    """The busiest of five, the leader, with the lease that agents have by default."""
    table.progress(f"five idle agents, for {IDLE_SECONDS} s")
    with cluster(DEFAULT_LEASE_MS) as five:
        resident, share = five.idle()
    table.add("an idle agent among five: resident", f"{resident:.1f} MB", "", "< 20 MB",
              resident < 20)
    table.add("an idle agent among five: share of a core", f"{share:.2f} %", "", "< 0.5 %",
              share < 0.5)


def lost_members(table: Table, five: Cluster, repeats: int):
    killed = statistics.median(five.lose_member(signal.SIGKILL)
                               for _ in table.repeat(repeats, "SIGKILL of a member"))
    table.add("SIGKILL of a member until all others hold the view", duration(killed), "",
              "< 100 ms", killed < 0.1)


def lost_leaders(table: Table, five: Cluster, repeats: int, store: str):
    crashed = statistics.median(five.lose_leader(signal.SIGKILL)
                                for _ in table.repeat(repeats, "SIGKILL of the leader"))
    table.add(f"SIGKILL of the leader until the next acts{store}", duration(crashed),
              f"lease {LEASE_MS} ms", "<= lease + 150 ms", crashed <= LEASE_MS / 1000 + 0.15)
    graceful = statistics.median(five.lose_leader(signal.SIGTERM)
                                 for _ in table.repeat(repeats, "graceful stop of the leader"))
    table.add(f"graceful stop of the leader until the next acts{store}", duration(graceful), "",
              "< 50 ms", graceful < 0.05)


def silence(table: Table, repeats: int):
    """A group of its own for each: two silent members a minute is what a group of five believes."""
    told = []
    for _ in table.repeat(repeats, "SIGSTOP of a member"):
        with cluster() as five:
            told.append(five.lose_member(signal.SIGSTOP))
    stopped = statistics.median(told)
    table.add("SIGSTOP of a member until all others hold the view", duration(stopped), "",
              "< 2 s", stopped < 2)


def groups(table: Table, repeats: int):
    idleness(table)
    with cluster() as five:
        lost_members(table, five, repeats)
        lost_leaders(table, five, repeats, "")
    silence(table, repeats)
