"""What a call costs: the leadership check and the clock below it, and a message to the leader."""

import json
import os

from bench_table import Table, measure, micro_seconds


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


def messages(table: Table):
    # Where the scheduler puts the two processes changes a round trip more than what they do.
    cores = sorted(os.sched_getaffinity(0))
    places = [("on one core", cores[0], cores[0])]
    if len(cores) > 1:
        places.append(("a core each", cores[0], cores[1]))
    for where, servers, caller in places:
        table.progress(f"round trips, {where}")
        out = measure("round-trip", str(servers), str(caller))
        bare, callback, blocking = (json.loads(line)["p50_ns"] for line in out.splitlines())
        table.add(f"send of 64 bytes, callback, on the loop, {where}", micro_seconds(callback),
                  f"bare epoll echo {micro_seconds(bare)}",
                  f"<= 1.3 x ({callback / bare:.2f} x)", callback <= 1.3 * bare)
        table.add(f"send of 64 bytes, blocking, on the pool, {where}", micro_seconds(blocking),
                  f"bare epoll echo {micro_seconds(bare)}",
                  f"reported ({blocking / bare:.2f} x)", None)
