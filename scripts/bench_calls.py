"""What the leadership check costs, and the clock below it."""

import json

from bench_table import Table, measure


def check(table: Table):
    table.progress("the leadership check")
    out = measure("leadership-check", "--benchmark_format=json", "--benchmark_repetitions=5")
    found = {b["name"]: b["cpu_time"] for b in json.loads(out[out.index("{"):])["benchmarks"]}
    own, clock = found["leadership_check_median"], found["clock_read_median"]
    table.add("leadership check, no query, no lock", f"{own:.0f} ns",
              f"one clock read {clock:.0f} ns", "<= 60 ns", own <= 60)
    two = found["two_clock_reads_median"]
    beside = f"two bare clock reads {two:.0f} ns"
    own = found["leadership_check_clockbound_median"]
    table.add("leadership check on a ClockBound segment", f"{own:.0f} ns", beside, "<= 60 ns",
              own <= 60)
    for name, what in (("bounded_truth", "true time alone"), ("bounded_now", "now()")):
        own = found[f"{name}_median"]
        table.add(f"{what} from a ClockBound segment", f"{own:.0f} ns", beside,
                  f"reported ({own / two:.2f} x)", None)
