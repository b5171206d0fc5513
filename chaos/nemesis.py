"""Plans faults from a seed and brings them about. Each kind is a function in the modules faults_*.

The same seed plans the same kinds, times, durations and aims. Who leads when a fault begins is the
run's own business: an aim is a role.
"""

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from hosts import Failed
from watch import now_us

LEADER, FOLLOWER, ANY = "leader", "follower", "any"


class NotNow(Exception):
    """The fault can't be had at the moment: somebody else has the host, or nobody leads."""


@dataclass(frozen=True)
class Planned:
    """One fault of the plan. `seconds` is how long it lasts, `number` chooses among hosts."""
    kind: str
    at: float
    seconds: float
    aim: str
    number: int
    more: float  # from 0 to 1: what else a kind draws


@dataclass(frozen=True)
class Kind:
    """`lasts` is a range in leases; `aims` the roles from which is drawn."""
    name: str
    call: object
    lasts: tuple[float, float]
    aims: tuple[str, ...]


KINDS: dict[str, Kind] = {}


def kind(name: str, lasts: tuple[float, float] = (0.0, 0.0), aims: tuple[str, ...] = (ANY,)):
    """Registers a function (run, planned) -> (hosts, more) as one that brings a fault about, keeps
    it up for run.hold(...), and takes it back. It raises NotNow if it had no effect."""
    def register(call):
        KINDS[name] = Kind(name, call, lasts, aims)
        return call
    return register


def plan(seed: int, seconds: float, lease: float, every: float) -> list[Planned]:
    """In rounds, so that no kind is missing in a run that is long enough for one."""
    rng = Random(seed)
    planned, at, left = [], 0.0, []
    while (at := at + rng.uniform(0.5, 1.5) * every) < seconds:
        if not left:
            left = list(KINDS.values())
            rng.shuffle(left)
        one = left.pop()
        planned.append(Planned(one.name, at, rng.uniform(*one.lasts) * lease, rng.choice(one.aims),
                               rng.randrange(1 << 16), rng.random()))
    return planned


@dataclass
class Nemesis:
    """`run` has hosts, workers, clocks and the database; see main.py."""
    run: object
    path: Path
    took_effect: Counter = field(default_factory=Counter)
    missed: Counter = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)  # failures of the machinery

    def __post_init__(self):
        self.lock = threading.Lock()
        self.held: set[str] = set()
        self.over = threading.Event()
        self.threads: list[threading.Thread] = []
        self.number = 0

    def write(self, event: dict):
        with self.lock, self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(event, separators=(",", ":")) + "\n")

    @contextmanager
    def claim(self, *names: str):
        """What no two faults may have at once. Waits for nobody."""
        with self.lock:
            if self.held & set(names):
                raise NotNow
            self.held |= set(names)
        try:
            yield
        finally:
            with self.lock:
                self.held -= set(names)

    def free(self, name: str) -> bool:
        with self.lock:
            return name not in self.held

    def execute(self, planned: list[Planned]):
        """Until the last has begun; then ends those that last, and waits for them."""
        begun = time.monotonic()
        for one in planned:
            time.sleep(max(0.0, begun + one.at - time.monotonic()))
            thread = threading.Thread(target=self.attempt, args=(one,), daemon=True)
            thread.start()
            self.threads.append(thread)

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def attempt(self, one: Planned):
        begun = now_us()
        try:
            hosts, more = KINDS[one.kind].call(self.run, one)
        except NotNow:
            with self.lock:
                self.missed[one.kind] += 1
            return
        except (Failed, OSError, ValueError, subprocess.SubprocessError) as why:
            with self.lock:
                self.broken.append(f"{one.kind}: {why}")
            print(f"chaos: {one.kind}: {why}", file=sys.stderr)
            return
        with self.lock:
            self.took_effect[one.kind] += 1
            self.number += 1
            number = self.number
        self.write({"e": "fault", "n": number, "kind": one.kind, "nodes": hosts, "t": begun,
                    "until": now_us(), "more": more})
