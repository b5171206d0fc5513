#!/usr/bin/env python3
"""Adds up ctest's JUnit files and prints `N passed, N failed` as the last line.

Usage: totals.py [--failed N] JUNIT...

--failed N counts N failures that have no file, such as a build that broke. A skipped test is
neither passed nor failed; it is named in a line of its own, with GoogleTest's reason, and counted
in the line before the last. Exits with 1 if anything failed or
nothing passed.
"""

import argparse
import re
import sys
import xml.etree.ElementTree as xml


def reason(case: xml.Element) -> str:
    """What GTEST_SKIP() was given, behind a colon; empty for another kind of test."""
    told = re.search(r": Skipped\n(.+)", case.findtext("system-out") or "")
    return f": {told[1]}" if told else ""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--failed", type=int, default=0)
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_args()
    passed, failed, left_out = 0, arguments.failed, 0
    for file in arguments.files:
        for case in xml.parse(file).getroot().iter("testcase"):
            skipped = case.find("skipped")
            if case.get("status") == "run":
                passed += 1
            elif skipped is not None and skipped.get("message", "").startswith("SKIP_"):
                print(f"skipped: {case.get('name')}{reason(case)}")
                left_out += 1
            else:
                print(f"failed: {case.get('name')} ({file})")
                failed += 1
    if left_out:
        print(f"{left_out} skipped")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
