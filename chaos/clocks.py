"""The clock of each host: an offset to the machine's, and what somebody claims about it.

Half of the hosts have a ClockBound of ours, which writes a segment of version 2; the other half is
declared. The machine's own clock is true time here: whatever it does, all hosts share it.
"""

import json
import mmap
import os
import struct
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

from hosts import Failed

CLOCK_MONOTONIC_COARSE = 6
EVERY = 0.1
SEGMENT_BYTES = 80
MAX_DRIFT_PPB = 50_000
VOID_AFTER_S = 1000
WANDER_NS = int(EVERY * MAX_DRIFT_PPB)  # in one round: as a quartz may
UNKNOWN, SYNCHRONIZED, DISRUPTED = 0, 1, 3
BOUNDS_MS = (1, 5, 20)
DECLARED_MS = 20


def coarse_ns() -> int:
    return time.clock_gettime_ns(CLOCK_MONOTONIC_COARSE)


def check_shim(programs: Path, folder: Path):
    """That the product reads its clocks through the shim: else every fault of a clock is none.
    Errors: Failed."""
    offset = 3600 * 10**9
    file = folder / "an-hour-ahead"
    file.write_bytes(struct.pack("<qq", offset, 0))
    asked = subprocess.run([programs / "hedgerow", "clock", "--json", "--clock", "declared:5ms"],
                           env={**os.environ, "HEDGEROW_CHAOS_CLOCK": str(file),
                                "LD_PRELOAD": str(programs / "hedgerow-chaos-clock.so")},
                           capture_output=True, text=True, timeout=20, check=False)
    seen = json.loads(asked.stdout)["latest_ns"] - time.time_ns() if asked.returncode == 0 else 0
    if abs(seen - offset) > 60 * 10**9:
        raise Failed(f"hedgerow does not read its clock through the shim: {asked.stderr.strip()}")


class Segment:
    """ClockBound's file: odd generations while it is written (src/clock/clockbound_segment.cc)."""

    def __init__(self, path: Path):
        self.path = path
        self.make()

    def make(self):
        """Anew, under the same name, with nothing in it yet."""
        fresh = self.path.with_suffix(".new")
        fresh.write_bytes(struct.pack("<IIIHH", 0x414D5A4E, 0x43420200, SEGMENT_BYTES, 2, 0)
                          + bytes(SEGMENT_BYTES - 16))
        with fresh.open("r+b") as file:
            self.bytes = mmap.mmap(file.fileno(), SEGMENT_BYTES)
        fresh.rename(self.path)

    def status(self) -> int:
        return struct.unpack_from("<i", self.bytes, 68)[0]

    def write(self, bound_ns: int, status: int, as_of: int):
        """`as_of` by the host's CLOCK_MONOTONIC_COARSE."""
        generation = struct.unpack_from("<H", self.bytes, 14)[0]
        struct.pack_into("<H", self.bytes, 14, generation | 1)
        struct.pack_into("<qqqqqQIiQ", self.bytes, 16, as_of // 10**9, as_of % 10**9,
                         as_of // 10**9 + VOID_AFTER_S, 0, bound_ns, 0, MAX_DRIFT_PPB, status, 0)
        following = (generation | 1) + 1
        struct.pack_into("<H", self.bytes, 14, following % 65536 or 2)


@dataclass
class Host:
    """One host's clock. `limit_ns` is how wrong it may be. `offsets`: clock_shim.cc."""
    name: str
    limit_ns: int
    offsets: mmap.mmap
    segment: Segment | None
    option: str
    status: int = SYNCHRONIZED
    daemon: bool = True
    drift_ns: int = 0  # a round

    def get(self) -> int:
        return struct.unpack_from("<q", self.offsets)[0]

    def put(self, ns: int):
        """A step: the monotonic clock stays."""
        struct.pack_into("<q", self.offsets, 0, ns)

    def monotonic(self) -> int:
        return struct.unpack_from("<q", self.offsets, 8)[0]

    def round(self):
        # As far as the bound allows: beyond it a clock would be a liar, which is a control.
        if self.drift_ns and abs(self.get()) <= self.limit_ns:
            moved = self.get() + self.drift_ns
            if abs(moved) > self.limit_ns:
                self.drift_ns = -self.drift_ns
            else:
                struct.pack_into("<q", self.offsets, 8, self.monotonic() + self.drift_ns)
                self.put(moved)
        if self.segment and self.daemon:
            self.segment.write(self.limit_ns, self.status, coarse_ns() + self.monotonic())


class Clocks:
    """All hosts' clocks, and a thread that plays their quartzes and daemons."""

    def __init__(self, folder: Path, names: list[str], rng: Random, bounded: bool):
        self.hosts = {}
        for number, name in enumerate(names):
            self.hosts[name] = self.make(folder, name, bounded or number % 2 == 0, rng)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.play, daemon=True)
        self.thread.start()

    @staticmethod
    def make(folder: Path, name: str, bounded: bool, rng: Random) -> Host:
        path = folder / f"{name}.clock"
        path.write_bytes(bytes(16))
        with path.open("r+b") as file:
            offsets = mmap.mmap(file.fileno(), 16)
        limit = (rng.choice(BOUNDS_MS) if bounded else DECLARED_MS) * 1_000_000
        segment = Segment(folder / f"{name}.shm0") if bounded else None
        option = f"clockbound:{segment.path}" if bounded else f"declared:{DECLARED_MS}ms"
        host = Host(name, limit, offsets, segment, option)
        # At the edge as often as within.
        host.put(rng.choice([-limit, limit, rng.randint(-limit, limit)]))
        host.round()
        return host

    def play(self):
        while not self.ended.wait(EVERY):
            for host in self.hosts.values():
                host.round()

    def end(self):
        self.ended.set()
        self.thread.join()
