#!/usr/bin/env python3
"""Builds the daemon of ClockBound 2 for the tests, which Debian has no package of.

Usage: clockbound.py FOLDER

FOLDER/bin/clockbound is it afterwards; once there, nothing is done. Where it can't be had because
the machine has no cargo that is new enough, or reaches no crates, FOLDER/why.txt says so in one
line, and so does stdout: the tests that need it are then skipped. Exits with 1 if it could be had
and does not build.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

CRATE, VERSION = "clock-bound-d", "2.0.3"
# Its Cargo.lock is of version 4, and without that its dependencies would be another day's.
CARGO_MIN = (1, 78)
# cargo's words when a registry can't be reached.
UNREACHABLE = re.compile(
    r"failed to download|failed to fetch|download of .* failed|spurious network error|"
    r"resolve host|failed to query replaced source|unable to update registry",
    re.IGNORECASE)


def find_cargo() -> str | None:
    return shutil.which("cargo") or shutil.which(Path.home() / ".cargo/bin/cargo")


def objection(version_text: str | None) -> str:
    """Why a cargo that calls itself so can't be used; empty if it can."""
    wanted = "; Debian 12 has one in its package cargo-web, later ones in cargo"
    least = ".".join(map(str, CARGO_MIN))
    if version_text is None:
        return f"there is no cargo to build ClockBound {VERSION} with{wanted}"
    found = re.match(r"cargo (\d+)\.(\d+)", version_text)
    if found is None:
        return f"cargo says nothing of its version: {version_text.strip()!r}"
    if (int(found[1]), int(found[2])) < CARGO_MIN:
        return (f"cargo {found[1]}.{found[2]} is too old for ClockBound {VERSION}, which takes "
                f"{least} or later{wanted}")
    return ""


def version_of(cargo: str | None) -> str | None:
    if cargo is None:
        return None
    done = subprocess.run([cargo, "--version"], capture_output=True, text=True, check=False)
    return done.stdout or done.stderr


def build(cargo: str, into: Path) -> tuple[int, str]:
    """The exit code, and what was said."""
    scratch = into.with_name(into.name + ".new")
    shutil.rmtree(scratch, ignore_errors=True)
    environment = dict(os.environ, CARGO_TARGET_DIR=str(scratch / "target"))
    # rustc stands beside a cargo that PATH does not name.
    environment["PATH"] = f"{environment.get('PATH', '')}:{Path(cargo).parent}"
    done = subprocess.run(
        [cargo, "install", CRATE, "--version", VERSION, "--locked", "--root", str(scratch)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode == 0:
        (into / "bin").mkdir(parents=True, exist_ok=True)
        (scratch / "bin/clockbound").rename(into / "bin/clockbound")
        (into / "why.txt").unlink(missing_ok=True)
    shutil.rmtree(scratch, ignore_errors=True)
    return done.returncode, done.stdout


def give_up(into: Path, why: str) -> int:
    into.mkdir(parents=True, exist_ok=True)
    (into / "why.txt").write_text(why + "\n")
    print(f"skipped: tests of the real ClockBound: {why}")
    return 0


def self_test() -> int:
    assert objection("cargo 1.85.0 (abc 2025-01-01)\n") == ""
    assert objection("cargo 1.78.0\n") == "" and objection("cargo 2.0.0\n") == ""
    assert "too old" in objection("cargo 1.63.0\n")
    assert "there is no cargo" in objection(None)
    assert "says nothing" in objection("error: no override\n")
    assert UNREACHABLE.search("warning: spurious network error (3 tries remaining)")
    assert not UNREACHABLE.search("error: could not compile `clock-bound-d`")
    print("self-test: ok")
    return 0


def main() -> int:
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    into = Path(sys.argv[1]).absolute()
    if (into / "bin/clockbound").exists():
        return 0
    cargo = find_cargo()
    why = objection(version_of(cargo))
    if why or cargo is None:
        return give_up(into, why)
    code, told = build(cargo, into)
    if code == 0:
        return 0
    if UNREACHABLE.search(told):
        return give_up(into, f"cargo can't download {CRATE} {VERSION}; is its registry reachable?")
    print(told)
    print(f"{CRATE} {VERSION} does not build, see above")
    return 1


if __name__ == "__main__":
    sys.exit(main())
