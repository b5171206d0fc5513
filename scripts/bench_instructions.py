"""Instructions of both processes for a message, as valgrind's callgrind counts them."""

import re
import statistics
import subprocess
from pathlib import Path

from bench_table import PATIENCE, Table
from group import Failed, command_path

# What the longer run has more is what its messages cost; starting and joining are in both.
SHORT, LONG = 2000, 10000
# The median counts: valgrind runs one thread at a time, and now and then that makes gRPC spin.
REPEATS = 3
TOTALS = re.compile(r"^totals: (\d+)", re.MULTILINE)


def counted(what: str, messages: int, number: int, folder: Path) -> int:
    program = Path(command_path()).parent / "hedgerow-bench-instructions"
    outputs = folder / f"{what}-{messages}-{number}"
    outputs.mkdir()
    done = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={outputs}/%p",
                           str(program), what, str(messages)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode != 0:
        raise Failed(f"callgrind of {program.name} {what} failed: {done.stderr.strip()}")
    return sum(int(n) for path in outputs.iterdir() for n in TOTALS.findall(path.read_text()))


def instructions(table: Table, folder: Path):
    found = {}
    for what in ("echo", "grpc", "send"):
        try:
            found[what] = statistics.median(
                (counted(what, LONG, n, folder) - counted(what, SHORT, n, folder)) / (LONG - SHORT)
                for n in table.repeat(REPEATS, f"instructions of {what}, under valgrind"))
        except Failed as why:
            if what != "grpc" or "without gRPC" not in str(why):
                raise
    own = found["send"]
    beside = {"gRPC": found.get("grpc"), "bare echo": found["echo"]}
    beside = {name: n for name, n in beside.items() if n}
    table.add("send of 64 bytes, 64 in flight: instructions, both ends", f"{own:.0f}",
              "; ".join(f"{name} {n:.0f}" for name, n in beside.items()),
              "reported (" + ", ".join(f"{own / n:.2f} x {name}" for name, n in beside.items()) +
              ")", None)
