#!/usr/bin/env python3
"""Chaos on real processes: workers on hosts of their own use Hedgerow on a real PostgreSQL while
everything breaks, write down what they saw, and a checker judges it. Then one assumption at a time
is broken on purpose, and the checker must say so. docs/chaos.md has the kinds of faults.

The last line of stdout is `acts A, faults F by K kinds, violations V, controls caught C of C`.
Exit codes: 0 no violations, all controls caught, and something happened; 1 not so; 2 it can't run
here, or was called wrongly; 130 interrupted.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import faults_clocks  # these register their kinds
import faults_database
import faults_hosts
import sandbox
from assumptions import CONTROLS, Control
from hosts import Failed
from nemesis import KINDS
from run import Run, Settings

HERE = Path(__file__).resolve().parent
PROGRAMS = HERE.parent / "build" / "release" / "bin"
REGISTERED = (faults_clocks, faults_database, faults_hosts)
CONTROL_HOSTS = 4
JUDGING = 300.0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev chaos", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=None, help="of the plan; default: drawn")
    parser.add_argument("--minutes", type=float, default=3.0, help="of faults; default: 3")
    parser.add_argument("--hosts", type=int, default=5, help="workers, from 3; default: 5")
    parser.add_argument("--lease", type=int, default=2000, metavar="MS", help="default: 2000")
    parser.add_argument("--every", type=float, default=3.0, metavar="S",
                        help="between two faults, on average; default: 3")
    parser.add_argument("--controls", default=",".join(CONTROLS), metavar="NAMES",
                        help="which, with commas between them; 'none' for none; default: all: "
                        + ", ".join(CONTROLS))
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep histories and logs there")
    parser.add_argument("--json", action="store_true", help="the result as one JSON object")
    parser.add_argument("--programs", type=Path, default=PROGRAMS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.controls = [] if given.controls == "none" else given.controls.split(",")
    if unknown := [name for name in given.controls if name not in CONTROLS]:
        parser.error(f"there is no control {unknown[0]}; there are {', '.join(CONTROLS)}")
    if given.hosts < 3 or given.minutes < 0 or given.lease < 500 or given.every <= 0:
        parser.error("--hosts must be at least 3, --lease at least 500, --minutes not negative, "
                     "--every positive")
    if given.seed is None:
        given.seed = int.from_bytes(os.urandom(3), "big")
    return given


def judge(run: Run) -> dict:
    """What the checker says of the history."""
    done = subprocess.run([sys.executable, HERE / "check", "--json", run.history],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=JUDGING, check=False)
    if done.returncode not in (0, 1):
        raise Failed(f"the history can't be judged: {done.stderr.strip()}")
    return json.loads(done.stdout)


def one_run(settings: Settings, folder: Path, keep: Path | None, what) -> tuple[Run, dict]:
    """A group, what happens to it, and the verdict. Errors: Failed."""
    folder.mkdir()
    run = Run(settings, folder)
    try:
        run.open()
        what(run)
    finally:
        run.close()
        if keep:
            run.keep_files(keep)
    return run, judge(run)


def note(text: str):
    print(text, file=sys.stderr, flush=True)


def try_control(one: Control, given: argparse.Namespace, folder: Path) -> bool:
    """Whether the checker caught it, for the right reason."""
    worker = (("--broken", one.flaw) if one.flaw else ()) + (
        ("--rates", one.rates) if one.rates else ())
    settings = Settings(given.seed, 0, given.programs, CONTROL_HOSTS, one.lease_ms,
                        control=one.name, worker=worker, bounded=True)
    begun = time.monotonic()
    try:
        _, verdict = one_run(settings, folder / one.name,
                             given.keep and given.keep / one.name, one.breaks)
    except Failed as why:
        note(f"control {one.name}: {why}")
        return False
    found = [rule for rule in verdict["by_rule"] if rule.startswith(one.rules)]
    note(f"control {one.name}: {one.says}: {'caught, ' + ', '.join(found) if found else 'MISSED'}"
         f" ({time.monotonic() - begun:.0f} s)")
    return bool(found)


def print_faults(run: Run):
    for name in KINDS:
        missed = run.nemesis.missed[name]
        print(f"  {name:<22} {run.nemesis.took_effect[name]:4}"
              + (f"  ({missed} found nothing to break)" if missed else ""))


def print_verdict(verdict: dict):
    for one in verdict["found"]:
        print(f"{one['rule']}: {one['text']}")
        for line in one["lines"]:
            print(f"  {line[:400]}")
    judged = ", ".join(f"{count} {name.replace('_', ' ')}"
                       for name, count in verdict["judged"].items())
    print(f"judged: {judged}")


def chaos(given: argparse.Namespace, folder: Path) -> int:
    settings = Settings(given.seed, given.minutes * 60, given.programs, given.hosts, given.lease,
                        given.every)
    note(f"seed {given.seed}: {given.hosts} hosts, {given.minutes:g} minutes, "
         f"lease {given.lease} ms")
    try:
        run, verdict = one_run(settings, folder / "run", given.keep, Run.go)
    except Failed as why:
        note(f"chaos: {why}")
        return 1
    faults = run.nemesis.took_effect
    caught = [name for name in given.controls if try_control(CONTROLS[name], given, folder)]
    violations = verdict["violations"] + len(run.crashes)
    result = {"seed": given.seed, "acts": run.watch.acts, "faults": faults.total(),
              "kinds": {name: faults[name] for name in KINDS}, "violations": violations,
              "by_rule": verdict["by_rule"], "crashes": run.crashes, "judged": verdict["judged"],
              "recovery_s": run.recovery, "recovery_bound_s": run.bound,
              "controls": given.controls, "caught": caught, "broken": run.nemesis.broken}
    if given.json:
        print(json.dumps(result))
    else:
        print_faults(run)
        print_verdict(verdict)
        for crash in run.crashes:
            print(f"crash: {crash}")
        print("not recovered" if run.recovery is None else f"recovered after {run.recovery:.1f} s; "
              f"the bound is {run.bound:.1f} s")
        print(f"acts {run.watch.acts}, faults {faults.total()} by {len(faults)} kinds, violations "
              f"{violations}, controls caught {len(caught)} of {len(given.controls)}")
    good = violations == 0 and caught == given.controls and not run.nemesis.broken
    return 0 if good and run.watch.acts and faults.total() and run.recovery is not None else 1


def main() -> int:
    given = arguments()
    try:
        return sandbox.run(lambda folder: chaos(given, folder))
    except sandbox.NoRoot as why:
        note(f"chaos: {why}")
        return 2


if __name__ == "__main__":
    sys.exit(main())
