"""What the nemesis did to the paths between members, as far as a history tells it."""

from history import Fault, History

# Faults that touch no path between members and keep no member from running; beginnings of kinds.
ELSEWHERE = ("database", "sessions", "disk", "clock")
DATABASE = "database"  # its host
# What may keep a leader from the database, besides what happens to that or to a path to it.
OFF_THE_NETWORK = ("link_down", "local_blackhole")
# Those by which a process ends: its own pulses tell.
ENDS = ("kill", "kill_at_edge", "stop")

SLACK_US = 500_000
# TCP waits, after a path is mended, for up to as long as it was broken; then the product has long
# dialled anew.
TCP_US = 5_000_000


class Disturbance:
    """One fault, as far as paths and processes are concerned."""

    def __init__(self, fault: Fault, run_end: int):
        self.begin = fault.t
        until = fault.until
        if until is None:
            until = fault.t if fault.kind in ENDS else run_end
        self.end = until + SLACK_US + min(until - fault.t, TCP_US)
        self.pairs = self.pairs_of(fault)
        # Without nodes it is everywhere.
        self.nodes = None if not fault.nodes else frozenset(fault.nodes)

    @staticmethod
    def pairs_of(fault: Fault) -> frozenset[frozenset[str]] | None:
        """The paths that it touches, where the fault names them; else all of its nodes'."""
        pairs = fault.more.get("pairs")
        if type(pairs) is not list:
            return None
        return frozenset(frozenset(pair) for pair in pairs
                         if type(pair) is list and all(type(node) is str for node in pair))

    @staticmethod
    def delays_views(fault: Fault) -> bool:
        return (fault.kind.startswith(ELSEWHERE[:3]) or fault.kind in OFF_THE_NETWORK
                or any(DATABASE in pair for pair in Disturbance.pairs_of(fault) or ()))

    def overlaps(self, begin: int, end: int) -> bool:
        return self.begin <= end and self.end >= begin

    def touches_path(self, one: str, other: str) -> bool:
        if self.pairs is not None:
            return frozenset((one, other)) in self.pairs
        return self.nodes is None or one in self.nodes or other in self.nodes


def disturbances_of(history: History) -> list[Disturbance]:
    run_end = max([life.last for life in history.lives] + [history.run.t])
    healed = history.run.healed if history.run.healed is not None else run_end
    return [Disturbance(fault, healed) for fault in history.run.faults
            if not fault.kind.startswith(ELSEWHERE)]
