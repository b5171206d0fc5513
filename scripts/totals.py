#!/usr/bin/env python3
"""Adds up ctest's JUnit files and prints `N passed, N failed` as the last line.

Usage: totals.py [--failed N] JUNIT...

--failed N counts N failures that have no file, such as a build that broke. A skipped test is
neither passed nor failed; it is named in a line of its own. Exits with 1 if anything failed or
nothing passed.
"""

import argparse
import sys
import xml.etree.ElementTree as xml


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--failed", type=int, default=0)
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_args()
    passed, failed = 0, arguments.failed
    for file in arguments.files:
        for case in xml.parse(file).getroot().iter("testcase"):
            skipped = case.find("skipped")
            if case.get("status") == "run":
                passed += 1
            elif skipped is not None and skipped.get("message", "").startswith("SKIP_"):
                print(f"skipped: {case.get('name')}")
            else:
                print(f"failed: {case.get('name')} ({file})")
                failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
