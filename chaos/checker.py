"""Judges a recorded history of a chaos run: every check, and what they come to as text or JSON."""

import argparse
import gc
import json
import sys
from pathlib import Path

import history
from checks.acts import Acts
from checks.calls import Calls
from checks.counter import Counter
from checks.evictions import Evictions
from checks.recovery import Recovery
from checks.streams import Streams
from checks.verdict import Verdict
from checks.views import Views
from history import History, Malformed

# Of each kind: what must have been judged for the run to say anything about it.
EXPECTED = ("acts", "losses", "shared_acts", "counter_updates", "sends", "broadcasts", "replied",
            "streams", "stream_messages", "views", "removals", "recoveries")


def judge(folder: Path) -> tuple[History, Verdict]:
    """Every check on the whole history. Errors: Malformed, OSError."""
    acts = Acts()
    views = Views(acts)
    # In this order: later ones ask earlier ones.
    checks = (acts, Counter(acts), Calls(acts), Streams(acts), views, Evictions(acts, views),
              Recovery(acts, views))
    handlers: dict[str, list[history.Handler]] = {}
    for check in checks:
        for kind, handler in check.handlers().items():
            handlers.setdefault(kind, []).append(handler)
    # Millions of small objects without a cycle among them.
    gc.disable()
    try:
        recorded = history.read(folder, handlers)
        verdict = Verdict()
        for check in checks:
            check.finish(recorded, verdict)
    finally:
        gc.enable()
    return recorded, verdict


def report(recorded: History, verdict: Verdict) -> dict:
    shown = recorded.show([place for one in verdict.violations for place in one.places])
    return {
        "violations": sum(verdict.counts.values()),
        "by_rule": dict(sorted(verdict.counts.items())),
        "found": [{"rule": one.rule, "text": one.text,
                   "lines": [shown[place] for place in one.places]}
                  for one in verdict.violations],
        "judged": verdict.judged,
        "measured": verdict.measured,
        "nothing_of": [name for name in EXPECTED if not verdict.judged.get(name)],
        "seed": recorded.run.seed,
        "control": recorded.run.control,
        "lives": len(recorded.lives),
        "faults": len(recorded.run.faults),
        "lines": recorded.lines,
        "torn": recorded.torn,
    }


def words(numbers: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in numbers.items())


def print_text(found: dict) -> None:
    for one in found["found"]:
        print(f"{one['rule']}: {one['text']}")
        for line in one["lines"]:
            print(f"  {line}")
    for rule, count in found["by_rule"].items():
        if count > Verdict.KEPT:
            print(f"{rule}: {count} in all, {Verdict.KEPT} shown")
    print(f"judged: {words(found['judged'])}")
    print(f"measured: {words(found['measured'])}")
    if found["nothing_of"]:
        print(f"nothing happened of: {', '.join(found['nothing_of'])}")
    print(f"{found['lines']} lines of {found['lives']} lives, {found['faults']} faults, "
          f"violations {found['violations']}")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="chaos/check", description="Judges the history of a chaos run: docs/history.md.",
        epilog="Exit codes: 0 no violation, 1 violations, 2 unreadable.")
    parser.add_argument("folder", type=Path, nargs="?", help="the history")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.add_argument("--self-test", action="store_true",
                        help="whether planted violations are found, instead")
    parser.add_argument("--times", type=int, default=1,
                        help="of the self-test: so often each way to break a large history")
    options = parser.parse_args(arguments)
    if options.self_test:
        from selftest.run import self_test
        return self_test(options.times)
    if options.folder is None:
        parser.error("which history? give its folder")
    try:
        found = report(*judge(options.folder))
    except (Malformed, OSError) as wrong:
        print(f"chaos/check: {wrong}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        print_text(found)
    return 1 if found["violations"] else 0
