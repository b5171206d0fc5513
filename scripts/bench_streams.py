"""What streams carry, beside gRPC's and beside a bare TCP connection, with and without TLS."""

from bench_messages import NO_GRPC, at_least, costs, per_second, places
from bench_table import Table, measure, series

BULK_BYTES = 64 * 1024


def bytes_per_second(one: dict) -> str:
    return f"{one['per_s'] * BULK_BYTES / 1e9:.2f} GB/s"


def small(table: Table, found: dict, where: str):
    grpc = found.get("grpc, small")
    own = found["stream, small"]
    goal, reached = at_least(own["per_s"], [(7, "gRPC", grpc["per_s"] if grpc else None)])
    table.add(f"stream of 64 bytes, {where}", per_second(own["per_s"]),
              f"gRPC streaming {per_second(grpc['per_s'])}" if grpc else NO_GRPC,
              ", ".join(filter(None, [">= 3 M/s", goal])), reached and own["per_s"] >= 3e6)
    if grpc:
        costs(table, "stream of 64 bytes", own, {"gRPC": grpc})


def bulk(table: Table, found: dict, where: str):
    grpc = found.get("grpc, bulk")
    for name, bare, what in (("stream, bulk", "bare, bulk", "bare TCP"),
                             ("stream tls, bulk", "bare tls, bulk", "bare TLS")):
        if name not in found:
            continue
        own, beside = found[name], found[bare]
        yardstick = f"{what} {bytes_per_second(beside)}"
        others = {what: beside}
        if grpc and what == "bare TCP":
            yardstick += f"; gRPC streaming {bytes_per_second(grpc)}"
            others["gRPC"] = grpc
        row = "stream of 64 KiB" + (" with TLS" if "tls" in name else "")
        table.add(f"{row}, {where}", bytes_per_second(own), yardstick,
                  *at_least(own["per_s"], [(0.85, what, beside["per_s"])]))
        costs(table, row, own, others)


def under_load(table: Table, found: dict):
    one = found["send beside a stream"]
    table.add("send of 64 bytes beside a stream at full speed, p99",
              f"{one['p99_ns'] / 1e6:.2f} ms", f"p50 {one['p50_ns'] / 1e6:.2f} ms", "< 20 ms",
              one["p99_ns"] < 20e6)


def streams(table: Table):
    where, servers, caller = places()[-1]
    table.progress("streams")
    found = series(measure("stream", str(servers), str(caller)))
    small(table, found, where)
    bulk(table, found, where)
    under_load(table, found)
