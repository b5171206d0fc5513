#!/usr/bin/env python3
"""Chaos on real processes: workers on hosts of their own use Hedgerow on a real PostgreSQL while
everything breaks, write down what they saw, and a checker judges it.

The last line of stdout is `acts A, faults F by K kinds, violations V, controls caught C of C`.
"""

import argparse
import os
import sys
from pathlib import Path

import faults_hosts  # registers its kinds
import sandbox
from hosts import Failed
from nemesis import KINDS
from run import Run, Settings

PROGRAMS = Path(__file__).resolve().parent.parent / "build" / "release" / "bin"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev chaos", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=None, help="of the plan; default: drawn")
    parser.add_argument("--minutes", type=float, default=3.0, help="of faults; default: 3")
    parser.add_argument("--hosts", type=int, default=5, help="workers, from 3; default: 5")
    parser.add_argument("--lease", type=int, default=2000, metavar="MS", help="default: 2000")
    parser.add_argument("--every", type=float, default=3.0, metavar="S",
                        help="between two faults, on average; default: 3")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep histories and logs there")
    parser.add_argument("--json", action="store_true", help="the result as one JSON object")
    parser.add_argument("--programs", type=Path, default=PROGRAMS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.hosts < 3:
        parser.error("--hosts must be at least 3")
    if given.seed is None:
        given.seed = int.from_bytes(os.urandom(4), "big")
    return given


def chaos(given: argparse.Namespace, folder: Path) -> int:
    run = Run(Settings(given.seed, given.minutes * 60, given.programs, given.hosts, given.lease,
                       given.every), folder)
    try:
        run.open()
        run.go()
    except Failed as why:
        print(f"chaos: {why}", file=sys.stderr)
        run.nemesis.broken.append(str(why))
    finally:
        run.close()
        if given.keep:
            run.keep_files(given.keep)
    for crash in run.crashes:
        print(f"crash: {crash}")
    faults = run.nemesis.took_effect
    for name in KINDS:
        print(f"  {name:<20} {faults[name]:4}  missed {run.nemesis.missed[name]}")
    print(f"recovered after {run.recovery}")
    print(f"acts {run.watch.acts}, faults {faults.total()} by {len(faults)} kinds")
    return 0


def main() -> int:
    given = arguments()
    try:
        return sandbox.run(lambda folder: chaos(given, folder))
    except sandbox.NoRoot as why:
        print(f"chaos: {why}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
