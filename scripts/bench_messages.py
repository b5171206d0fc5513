"""What a message costs, to the leader and to all, beside bare epoll echoes and gRPC."""

import os

from bench_table import Table, measure, micro_seconds, series

NO_GRPC = "no gRPC in this build"
# Of the serving process, for each.
IDLE_KIB = {"connection": 16, "connection with TLS": 32, "stream": 2}


def at_most(figure: float, goals: list[tuple[float, str, float | None]]) -> tuple[str, bool]:
    """The goal's text and whether it is reached. Each goal: a factor, the yardstick's name and its
    figure, None where it could not be measured."""
    return judged(figure, goals, "<=", lambda ratio, factor: ratio <= factor)


def at_least(figure: float, goals: list[tuple[float, str, float | None]]) -> tuple[str, bool]:
    return judged(figure, goals, ">=", lambda ratio, factor: ratio >= factor)


def judged(figure: float, goals: list, sign: str, fits) -> tuple[str, bool]:
    present = [(factor, name, figure / beside) for factor, name, beside in goals if beside]
    text = ", ".join(f"{sign} {factor:g} x {name} ({ratio:.2f} x)"
                     for factor, name, ratio in present)
    return text, all(fits(ratio, factor) for factor, _, ratio in present)


def places() -> list[tuple[str, int, int]]:
    """Where the scheduler puts two processes changes a round trip more than what they do."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == 1:
        return [("on one core", cores[0], cores[0])]
    return [("on one core", cores[0], cores[0]), ("a core each", cores[0], cores[1])]


def round_trips(table: Table):
    for where, servers, caller in places():
        table.progress(f"round trips, {where}")
        found = {name: one["p50_ns"] for name, one in
                 series(measure("round-trip", str(servers), str(caller))).items()}
        bare, grpc, own = found["echo"], found.get("grpc"), found["send"]
        beside = [f"bare epoll echo {micro_seconds(bare)}",
                  f"gRPC unary {micro_seconds(grpc)}" if grpc else NO_GRPC]
        table.add(f"send of 64 bytes, callback, on the loop, {where}", micro_seconds(own),
                  "; ".join(beside), *at_most(own, [(1.15, "bare", bare), (0.5, "gRPC", grpc)]))
        grpc, own = found.get("grpc, blocking"), found["send, blocking"]
        goal = at_most(own, [(0.7, "gRPC", grpc)]) if grpc else ("", None)
        table.add(f"send of 64 bytes, blocking, on the pool, {where}", micro_seconds(own),
                  f"gRPC unary, blocking {micro_seconds(grpc)}" if grpc else NO_GRPC, *goal)


def per_second(rate: float) -> str:
    return f"{rate / 1e6:.2f} M/s" if rate >= 1e6 else f"{rate / 1000:.1f} k/s"


def processor(one: dict) -> str:
    return (f"{micro_seconds(one['caller_ns'] + one['server_ns'])} ("
            f"{one['caller_ns'] / 1000:.2f} + {one['server_ns'] / 1000:.2f})")


def costs(table: Table, what: str, own: dict, beside: dict[str, dict]):
    """User and system time of both ends for a message."""
    used = own["caller_ns"] + own["server_ns"]
    table.add(f"{what}: processor time for each (caller + server)", processor(own),
              "; ".join(f"{name} {processor(one)}" for name, one in beside.items()),
              "reported (" + ", ".join(
                  f"{used / (one['caller_ns'] + one['server_ns']):.2f} x {name}"
                  for name, one in beside.items()) + ")", None)


def in_flight(table: Table):
    where, servers, caller = places()[-1]
    table.progress("64 messages in flight")
    found = series(measure("in-flight", str(servers), str(caller)))
    own, grpc = found["send"], found.get("grpc")
    gathered = found["echo, a write for each read"]
    single = found["echo, a write for each message"]
    goal = at_least(own["per_s"], [(8, "gRPC", grpc["per_s"])]) if grpc else ("", None)
    table.add(f"send of 64 bytes, 64 in flight, {where}", per_second(own["per_s"]),
              (f"gRPC unary {per_second(grpc['per_s'])}" if grpc else NO_GRPC) +
              f"; bare echo {per_second(single['per_s'])}, "
              f"a write for each read {per_second(gathered['per_s'])}", *goal)
    beside = {"gRPC": grpc} if grpc else {}
    costs(table, "send of 64 bytes, 64 in flight", own,
          beside | {"bare": single, "bare, gathered": gathered})


def broadcasts(table: Table):
    for members in (5, 50, 200):
        table.progress(f"broadcasts to {members} members, which join first")
        found = series(measure("fanout", str(members)))
        own, bare = found["broadcast"]["p50_ns"], found["echoes"]["p50_ns"]
        table.add(f"broadcast to {members} members, until the last reply", micro_seconds(own),
                  f"a loop and {members} bare echoes {micro_seconds(bare)}",
                  *at_most(own, [(1.5, "bare", bare)]))


def idle_memory(table: Table):
    table.progress("idle connections")
    for name, one in series(measure("idle-memory")).items():
        kib = one["bytes"] / 1024
        table.add(f"an idle {name}: memory of the node", f"{kib:.1f} KiB",
                  f"{one['count']} of them", f"<= {IDLE_KIB[name]} KiB", kib <= IDLE_KIB[name])


def messages(table: Table):
    round_trips(table)
    in_flight(table)
    broadcasts(table)
    idle_memory(table)
