"""Controls: short runs in which one assumption of Hedgerow's is broken on purpose. The checker must
see it: one that reports nothing here would report nothing anywhere.
"""

import signal
import time
from dataclasses import dataclass

from hosts import Failed, between
from run import DATABASE

AGAIN = 3  # times that a control is tried within one run, as chance has a part in each
PATIENCE = 20.0


@dataclass(frozen=True)
class Control:
    """`rules` are beginnings of the rules of which one must be found broken."""
    name: str
    says: str
    rules: tuple[str, ...]
    breaks: object  # called with the run
    flaw: str = ""
    rates: str = ""
    lease_ms: int = 1000


CONTROLS: dict[str, Control] = {}


def control(name: str, says: str, rules: tuple[str, ...], **more):
    def register(breaks):
        CONTROLS[name] = Control(name, says, rules, breaks, **more)
        return breaks
    return register


def leader_of(run) -> str:
    deadline = time.monotonic() + PATIENCE
    while (name := run.watch.leader()) is None:
        if time.monotonic() > deadline:
            raise Failed("nobody leads")
        time.sleep(0.02)
    return name


def another_leads(run, than: str, patience: float):
    deadline = time.monotonic() + patience
    while run.watch.leader() in (than, None) and time.monotonic() < deadline:
        time.sleep(0.02)


def both_lead(run, first: str, patience: float):
    """Until another one leads, and for so long after that both have acted; the checker says so."""
    another_leads(run, first, patience)
    time.sleep(0.5 * run.lease)


def parted(run, leader: str) -> tuple[str, list[tuple[str, str]]]:
    """One follower, and what parts it from the rest: the leader keeps more than half of the group,
    and so has no reason to stand back."""
    lonely = next(name for name in run.names if name != leader)
    return lonely, between([lonely], [name for name in run.names if name != lonely])


@control("clock_beyond_its_bound", "a follower's clock is fast by more than it claims, and a lease",
         ("acts.",))
def clock_beyond_its_bound(run):
    leader = leader_of(run)
    lonely, pairs = parted(run, leader)
    # Only the lonely one reaches the database: it takes a lease that is over by its clock alone.
    pairs += between([name for name in run.names if name != lonely], [DATABASE])
    with run.nemesis.claim(f"process {lonely}"):
        run.workers[lonely].kill()
        run.network.cut(pairs)
        run.clocks.hosts[lonely].put(3 * run.settings.lease_ms * 1_000_000)
        run.workers[lonely].start()  # a step would be noticed
    both_lead(run, leader, 2 * run.lease)
    run.network.heal(pairs)


@control("row_changed_by_hand", "the lease's row is overwritten by hand", ("acts.",), lease_ms=3000)
def row_changed_by_hand(run):
    leader = leader_of(run)
    lonely, pairs = parted(run, leader)
    pairs += between([leader], [DATABASE])
    with run.nemesis.claim(f"process {lonely}"):
        run.workers[lonely].kill()
        run.network.cut(pairs)
        run.database.psql("UPDATE hedgerow_lease SET expires_us = 1")
        run.workers[lonely].start()  # who is new looks at the row at once
    both_lead(run, leader, 2 * run.lease)
    run.network.heal(pairs)


@control("former_primary_lives", "a standby is promoted, and the primary goes on taking writes",
         ("acts.",))
def former_primary_lives(run):
    leader = leader_of(run)
    lonely, pairs = parted(run, leader)
    with run.nemesis.claim(f"process {lonely}"):
        run.workers[lonely].kill()
        run.network.cut(pairs)
        run.database.promote_beside()
        # It hears of no leader, and knows only this server: it waits for a lease, and takes.
        run.workers[lonely].option("--store", run.database.url_of(run.database.standby))
        run.workers[lonely].start()
    both_lead(run, leader, 4 * run.lease)
    run.network.heal(pairs)


@control("counter_without_fence", "the counter takes every token, and a leader is paused",
         ("counter.",), flaw="unfenced")
def counter_without_fence(run):
    for _ in range(AGAIN):
        leader = leader_of(run)
        time.sleep(run.lease)  # it is in the midst of things
        run.workers[leader].signal(signal.SIGSTOP)
        another_leads(run, leader, 4 * run.lease)
        time.sleep(0.5)  # for the next one to count
        run.workers[leader].signal(signal.SIGCONT)


@control("leadership_remembered", "a worker acts for a lease on what it was told once", ("acts.",),
         flaw="remembers")
def leadership_remembered(run):
    for _ in range(AGAIN):
        leader = leader_of(run)
        pairs = between([leader], [name for name in (*run.names, DATABASE) if name != leader])
        run.network.cut(pairs)
        another_leads(run, leader, 4 * run.lease)
        time.sleep(run.lease)
        run.network.heal(pairs)


@control("unknown_told_as_not_executed", "a worker reports unknown outcomes as not executed",
         ("calls.",), flaw="optimistic", rates="send=5")
def unknown_told_as_not_executed(run):
    for _ in range(AGAIN):
        leader = leader_of(run)
        pairs = [(leader, name) for name in run.names if name != leader]
        run.network.cut(pairs)  # requests arrive, answers do not
        time.sleep(2.5)
        run.network.heal(pairs)
