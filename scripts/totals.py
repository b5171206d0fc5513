#!/usr/bin/env python3
"""Adds up ctest's JUnit files and prints `N passed, N failed` as the last line.

Usage: totals.py [--parts] JUNIT...

--parts first prints a line for each file, under the name of the folder that it lies in, with how
long its part took. A skipped test is neither passed nor failed; it is named in a line of its own,
with GoogleTest's reason, and counted in the line before the last. Behind the name of a failed test
stands what it said, shortened: its own place in a log may be long gone. Exits with 1 if anything
failed or nothing passed.
"""

import argparse
import re
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

# Of a failed test's words: characters of a line, lines at the end, and lines of this many failures.
WIDTH, LAST, FAILURES, BEHIND = 400, 30, 5, 12


def reason(case: xml.Element) -> str:
    """What GTEST_SKIP() was given, behind a colon; empty for another kind of test."""
    told = re.search(r": Skipped\n(.+)", case.findtext("system-out") or "")
    return f": {told[1]}" if told else ""


def words(case: xml.Element) -> list[str]:
    """What a failed test said: from each failure of GoogleTest a few lines, and the last ones."""
    lines = [line[:WIDTH] for line in (case.findtext("system-out") or "").splitlines()]
    kept = set(range(max(0, len(lines) - LAST), len(lines)))
    failures = [at for at, line in enumerate(lines) if line.endswith(": Failure")][:FAILURES]
    for at in failures:
        kept.update(range(at, min(at + BEHIND, len(lines))))
    return [f"    {lines[at]}" for at in sorted(kept)]


def count(file: str) -> tuple[int, int, int, list[str]]:
    """Passed, failed, skipped, and what to say of the others and of the failed."""
    passed, failed, left_out, lines = 0, 0, 0, []
    for case in xml.parse(file).getroot().iter("testcase"):
        skipped = case.find("skipped")
        if case.get("status") == "run":
            passed += 1
        elif skipped is not None and skipped.get("message", "").startswith("SKIP_"):
            lines.append(f"skipped: {case.get('name')}{reason(case)}")
            left_out += 1
        else:
            lines += [f"failed: {case.get('name')} ({file})", *words(case)]
            failed += 1
    return passed, failed, left_out, lines


def part(file: str, passed: int, failed: int) -> str:
    suites = xml.parse(file).getroot().iter("testsuite")
    seconds = sum(float(suite.get("time", 0)) for suite in suites)
    return (f"{Path(file).parent.name}: {passed} passed, {failed} failed, "
            f"{seconds // 60:.0f}:{seconds % 60:02.0f}")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--parts", action="store_true")
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_args()
    passed, failed, left_out, parts = 0, 0, 0, []
    for file in arguments.files:
        passed_here, failed_here, left_out_here, lines = count(file)
        for line in lines:
            print(line)
        parts.append(part(file, passed_here, failed_here))
        passed, failed = passed + passed_here, failed + failed_here
        left_out += left_out_here
    if arguments.parts:
        print(*parts, sep="\n")
    if left_out:
        print(f"{left_out} skipped")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
