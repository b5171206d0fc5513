#!/usr/bin/env python3
"""What processes hold while they work, and whether it stays the same.

Usage: soak_judge.py --self-test: processes that leak memory, descriptors or threads on purpose must
be found, one that does not must pass, and so must a load's calls that nobody answers.
"""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from group import Failed, Group

MEMORY_SHARE = 0.05
MEMORY_KIB = 1024


@dataclass(frozen=True)
class Sample:
    resident: int  # KiB
    proportional: int  # KiB; what is shared counts in parts
    descriptors: int
    threads: int


def sample(pid: int) -> Sample:
    here = Path(f"/proc/{pid}")
    try:
        rollup = dict(line.split()[:2] for line in
                      (here / "smaps_rollup").read_text().splitlines()[1:])
        return Sample(int(rollup["Rss:"]), int(rollup["Pss:"]), len(os.listdir(here / "fd")),
                      len(os.listdir(here / "task")))
    except (OSError, KeyError) as why:
        raise Failed(f"process {pid} cannot be looked at: {why}") from None


@dataclass
class Record:
    """One process: samples under load, and one before and after, when it had nothing to do."""

    loaded: list[Sample]
    before: Sample
    after: Sample

    def thirds(self) -> tuple[int, int]:
        """The most resident memory of the middle third and of the last, in KiB."""
        count = len(self.loaded)
        middle, last = self.loaded[count // 3:2 * count // 3], self.loaded[2 * count // 3:]
        return max(s.resident for s in middle), max(s.resident for s in last)


def growth(one: Record) -> float:
    """Of memory, in percent."""
    middle, last = one.thirds()
    return 100 * (last / middle - 1)


def faults(records: dict[str, Record]) -> list[str]:
    found = []
    for name, one in records.items():
        if len(one.loaded) < 6:
            found.append(f"{name}: {len(one.loaded)} samples are too few to judge")
            continue
        middle, last = one.thirds()
        if last > middle * (1 + MEMORY_SHARE) + MEMORY_KIB:
            found.append(f"{name}: memory grew from {middle} to {last} KiB")
        for what in ("descriptors", "threads"):
            before, after = getattr(one.before, what), getattr(one.after, what)
            if after > before:
                found.append(f"{name}: {after} {what}, after {before}")
    return found


class Watch:
    def __init__(self, pids: dict[str, int]):
        self.pids = pids
        self.seen: dict[str, list[Sample]] = {name: [] for name in pids}

    def look(self):
        for name, pid in self.pids.items():
            self.seen[name].append(sample(pid))

    def summary(self) -> str:
        now = [samples[-1] for samples in self.seen.values()]
        return (f"at most {max(s.resident for s in now) / 1024:.1f} MiB, "
                f"{max(s.descriptors for s in now)} descriptors, "
                f"{max(s.threads for s in now)} threads")


def settled(pids: dict[str, int], goal: dict[str, Sample] | None,
            patience: float) -> dict[str, Sample]:
    """Samples of processes that have nothing to do: once nothing has changed for two seconds and
    nobody holds more than in `goal`, or when the time is over."""
    deadline = time.monotonic() + patience
    since, last = time.monotonic(), {}
    while True:
        now = {name: sample(pid) for name, pid in pids.items()}
        held = {name: (s.descriptors, s.threads) for name, s in now.items()}
        if held != last:
            since, last = time.monotonic(), held
        still = time.monotonic() - since > 2
        back = goal is None or all(s.descriptors <= goal[name].descriptors and
                                   s.threads <= goal[name].threads for name, s in now.items())
        if (still and back) or time.monotonic() > deadline:
            return now
        time.sleep(0.1)


WORK = """
import sys, threading, time
kept = []
print("ready", flush=True)
while True:
    {work}
    time.sleep(0.01)
"""
PLANTED = {
    "nothing": ("x = bytearray(65536)", None),
    "memory": ("kept.append(bytearray(65536))", "memory grew"),
    "descriptors": ("kept.append(open('/dev/null'))", "descriptors, after"),
    "threads": ("t = threading.Thread(target=time.sleep, args=(60,), daemon=True); t.start()",
                "threads, after"),
}


def record_of(work: str) -> Record:
    """Of a process that does this a hundred times a second, for two seconds."""
    with subprocess.Popen([sys.executable, "-c", WORK.format(work=work)],
                          stdout=subprocess.PIPE) as child:
        try:
            child.stdout.readline()
            pids = {"it": child.pid}
            watch = Watch(pids)
            before = sample(child.pid)
            end = time.monotonic() + 2
            while time.monotonic() < end or len(watch.seen["it"]) < 12:
                watch.look()
                time.sleep(0.05)
            child.send_signal(signal.SIGSTOP)
            return Record(watch.seen["it"], before, sample(child.pid))
        finally:
            child.kill()


def check_loads() -> list[str]:
    """Loads that end badly, or whose calls are not all answered, must not pass for good ones."""
    from soak_load import Load, unanswered  # pylint: disable=import-outside-toplevel
    wrong = []
    group = Group("none", Path("."), "1s", secret_file="none")
    ends = Load(group, [sys.executable, "-c", "import sys; sys.exit('no answer')"])
    ends.process.wait()
    if "no answer" not in (ends.failure() or ""):
        wrong.append("a load that ended was not noticed")
    ends.stop()
    for answered, expected in ((9, True), (10, False)):
        counts = json.dumps({"asked": 10, "answered": answered})
        said = Load(group, [sys.executable, "-c", f"print('{counts}')"])
        said.stop()
        if bool(unanswered(said.last)) != expected:
            wrong.append(f"{answered} answers to 10 calls were judged wrongly")
    return wrong


def self_test() -> int:
    wrong = check_loads()
    for name, (work, words) in PLANTED.items():
        found = faults({"it": record_of(work)})
        if bool(found) != bool(words) or any(words not in fault for fault in found):
            wrong.append(f"a process that leaks {name}: {found}")
    for line in wrong:
        print(line)
    print(f"soak_judge: {len(PLANTED) + 3 - len(wrong)} of {len(PLANTED) + 3} planted cases judged "
          "rightly")
    return 1 if wrong else 0


if __name__ == "__main__":
    if sys.argv[1:] != ["--self-test"]:
        sys.exit(__doc__.strip())
    sys.exit(self_test())
