"""What the parts of ./dev bench share: the table, its units, the programs that measure."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

from group import Failed, command_path

PATIENCE = 180.0


class Table:
    """Rows are printed as they come; what is being measured is said on stderr meanwhile."""

    def __init__(self, as_json: bool):
        self.as_json = as_json
        self.rows: list[tuple[str, str, str, str, str]] = []
        self.part = ""
        self.in_place = sys.stderr.isatty()

    def begin(self, part: str):
        self.part = part
        if not self.in_place:
            print(f"-- {part}", file=sys.stderr, flush=True)

    def progress(self, doing: str):
        if self.in_place:
            print(f"\r\033[K-- {self.part}: {doing} ...", end="", file=sys.stderr, flush=True)

    def repeat(self, times: int, doing: str):
        for number in range(1, times + 1):
            self.progress(f"{doing}, {number} of {times}")
            yield number

    def clear(self):
        if self.in_place:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def add(self, what: str, figure: str, yardstick: str, goal: str, reached: bool | None):
        self.clear()
        mark = "" if reached is None else ("yes" if reached else "NO")
        self.rows.append((what, figure, yardstick, goal, mark))
        if self.as_json:
            print(json.dumps(dict(zip(("what", "figure", "yardstick", "goal", "reached"),
                                      self.rows[-1]))), flush=True)
        else:
            print(f"{what:<62} {figure:>10}  {yardstick:<36}  {goal:<22}  {mark}".rstrip(),
                  flush=True)

    def markdown(self) -> str:
        lines = ["| What | Figure | Yardstick in the same run | Goal | Reached |",
                 "|---|---|---|---|---|"]
        return "\n".join(lines + ["| " + " | ".join(r) + " |" for r in self.rows])


def measure(program: str, *arguments: str, environment: dict | None = None) -> str:
    """What a program of bench/ prints."""
    path = Path(command_path()).parent / f"hedgerow-bench-{program}"
    done = subprocess.run([str(path), *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, env=environment, timeout=PATIENCE, check=False)
    if done.returncode != 0:
        raise Failed(f"{path.name} failed with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def series(output: str) -> dict[str, dict]:
    """The lines of bench/lib/series.h by name."""
    return {one["name"]: one for one in map(json.loads, output.splitlines())}


def micro_seconds(ns: float) -> str:
    return f"{ns / 1000:.1f} us"


def milli_seconds(ns: float) -> str:
    return f"{ns / 1e6:.2f} ms"


def machine() -> str:
    model = next((line.split(":", 1)[1].strip() for line in
                  Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")),
                 platform.machine())
    source = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
    clock = source.read_text().strip() if source.exists() else "unknown"
    return (f"{os.cpu_count()} cores of {model}, Linux {platform.release().split('-')[0]}, "
            f"clock source {clock}")
