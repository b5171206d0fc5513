"""Faults of clocks. None makes a clock lie: what is claimed of it stays true throughout."""

from clocks import DISRUPTED, SYNCHRONIZED, UNKNOWN, WANDER_NS
from nemesis import ANY, FOLLOWER, LEADER, NotNow, Planned, kind

SETTLED = 0.3  # seconds, after which the daemon has written again


def picked_clock(run, one: Planned, among):
    names = [name for name, host in run.clocks.hosts.items() if among(host)]
    if not names:
        raise NotNow
    return run.clocks.hosts[run.pick(one, "clock", names).name]


def bounded(host) -> bool:
    return host.segment is not None


def declared_within(host) -> bool:
    """Whoever is at an edge is as wrong as it may be; the other one is too far for a step."""
    return host.segment is None and abs(host.get()) < host.limit_ns


def claimed_clock(run, one: Planned, among):
    """The clock that is meant, and a claim on it."""
    host = picked_clock(run, one, among)
    return host, run.nemesis.claim(f"clock {host.name}")


def edge_of(host, one: Planned) -> int:
    return host.limit_ns if one.more < 0.5 else -host.limit_ns


@kind("clock_edge", (0.5, 3.0), (LEADER, ANY))
def clock_edge(run, one: Planned):
    """As wrong as it may be, exactly: at once. A declared clock that is stepped by more than it
    declares is distrusted for 30 s, so it goes to the edge that is nearer."""
    host, claim = claimed_clock(run, one, declared_within)
    with claim:
        before, drift = host.get(), host.drift_ns
        edge = edge_of(host, one)
        if abs(edge - before) > host.limit_ns:
            edge = -edge
        if edge == before:
            raise NotNow
        run.tell(one, [host.name], f" to {edge / 1e6:+.0f} ms")
        host.drift_ns = 0
        host.put(edge)
        run.hold(one)
        host.drift_ns = drift
    return [host.name], {"from_ns": before, "to_ns": edge}


@kind("kill_at_edge", (0.0, 2.0), (LEADER, FOLLOWER, ANY))
def kill_at_edge(run, one: Planned):
    """The same under a daemon, to which a step would cost minutes of trust: the next process finds
    the clock like that."""
    host = picked_clock(run, one, bounded)
    worker = run.workers[host.name]
    with run.nemesis.claim(f"clock {host.name}", f"process {host.name}"):
        run.tell(one, [host.name])
        if not worker.kill():
            raise NotNow
        host.put(edge_of(host, one))
        run.hold(one)
        worker.start()
    return [host.name], {"to_ns": host.get()}


@kind("clock_drift", (1.0, 6.0), (LEADER, ANY))
def clock_drift(run, one: Planned):
    """As fast as a quartz may drift, back and forth within the bound."""
    host, claim = claimed_clock(run, one, lambda _: True)
    with claim:
        before = host.get()
        run.tell(one, [host.name])
        host.drift_ns = WANDER_NS if one.more < 0.5 else -WANDER_NS
        run.hold(one)
        host.drift_ns = 0
        moved = host.get() - before
    if not moved:
        raise NotNow
    return [host.name], {"moved_ns": moved}


def told(run, one: Planned, status: int):
    host, claim = claimed_clock(run, one, bounded)
    with claim:
        run.tell(one, [host.name])
        host.status = status
        run.hold(one)
        if host.segment.status() != status:
            raise NotNow
        host.status = SYNCHRONIZED
    return [host.name], {}


@kind("clock_unknown", (0.2, 3.0), (LEADER, ANY))
def clock_unknown(run, one: Planned):
    return told(run, one, UNKNOWN)


@kind("clock_disrupted", (0.2, 3.0), (LEADER, ANY))
def clock_disrupted(run, one: Planned):
    return told(run, one, DISRUPTED)


@kind("clock_daemon_gone", (0.5, 4.0), (LEADER, ANY))
def clock_daemon_gone(run, one: Planned):
    """Nobody renews the bound, and the clock drifts as fast as the bound grows; in a third of the
    cases the file is truncated, in another removed, and made anew in the end."""
    host, claim = claimed_clock(run, one, bounded)
    with claim:
        how = ("stopped", "truncated", "removed")[one.number % 3]
        run.tell(one, [host.name], f", file {how}")
        host.daemon = False
        if how == "truncated":
            host.segment.path.write_bytes(b"")
        elif how == "removed":
            host.segment.path.unlink()
        run.hold(one)
        if how != "stopped":
            host.segment.make()
        host.daemon = True
        run.nemesis.over.wait(SETTLED)
    return [host.name], {"file": how}
