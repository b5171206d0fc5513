#!/usr/bin/env python3
"""Lets five agents serve at full load for minutes, and judges that they stay as they are.

The load: sends, broadcasts and streams as fast as they are answered, over TLS; an agent that joins,
leaves and is killed again and again; two that compete for a lock; commands. Each second the memory,
descriptors and threads of the five are looked at. Flat means, for each of the five:

* memory: the most of the last third of the load is at most 5 % and 1 MiB above the most of the
  middle third. The first third warms up;
* descriptors and threads: once the load has ended they are back where they were when the load had
  paused after the first fifth of the time, within half a minute.

And every call was answered, as it must be; nobody ended, no leadership was lost. The last line is
`soak: M minutes, N messages, memory +x %, descriptors +0, threads +0`.
"""

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
from contextlib import nullcontext
from pathlib import Path

from group import Agent, Failed, Group, command_path
from servers import Postgres
from soak_judge import Record, Watch, faults, growth, settled
from soak_load import Load

NAMES = ["ash", "birch", "cedar", "hazel", "rowan"]
LEASE = "3s"
FORMING = 60.0
SETTLING = 30.0
PROGRESS = 10.0


class Churn:
    """What comes and goes beside the load, each in a thread of its own, until `end`."""

    def __init__(self, group: Group):
        self.group = group
        self.over = threading.Event()
        self.failure: str | None = None
        self.rounds = {"joins": 0, "locks": 0, "commands": 0}
        self.threads = [threading.Thread(target=self.repeat, args=(name, what))
                        for name, what in (("joins", self.join_and_leave), ("locks", self.lock),
                                           ("locks", self.lock), ("commands", self.ask))]
        for thread in self.threads:
            thread.start()

    def repeat(self, name: str, what):
        try:
            while not self.over.is_set():
                what()
                self.rounds[name] += 1
        except Failed as why:
            self.failure = self.failure or str(why)

    def join_and_leave(self):
        guest = self.group.extra("guest", "")
        try:
            self.wait_ready(guest)
            killed = self.rounds["joins"] % 4 == 3
            guest.process.send_signal(signal.SIGKILL if killed else signal.SIGTERM)
            status = guest.process.wait(20)
            if not killed and status != 0:
                raise Failed(f"the guest left with status {status}")
        finally:
            guest.process.kill()
            guest.process.wait()

    def wait_ready(self, guest: Agent):
        deadline = time.monotonic() + 30
        with self.group.changed:
            while not guest.latest("ready"):
                left = deadline - time.monotonic()
                if left <= 0 or guest.process.poll() is not None:
                    raise Failed("the guest did not become a member")
                self.group.changed.wait(left)

    def lock(self):
        self.group.run("lock", "soak", "--store", self.group.store, *self.group.clock,
                       "--lease", LEASE, "--wait", "30s", "--", "true", alone=True, patience=60)

    def ask(self):
        self.group.run("members", "--timeout", "20s", patience=30)
        self.group.run("send", "a word", "--timeout", "20s", patience=30)
        self.over.wait(0.2)

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


class Soak:
    def __init__(self, group: Group, seconds: float):
        self.group = group
        self.seconds = seconds
        self.messages = 0

    def under_load(self, watch: Watch, seconds: float):
        """The load for so long, and to its last answer."""
        load = Load(self.group)
        churn = Churn(self.group)
        try:
            self.look_on(watch, load, churn, time.monotonic() + seconds)
        finally:
            churn.end()
            load.stop()
        self.check(load, churn)
        self.messages += load.finish() + churn.rounds["commands"]

    def look_on(self, watch: Watch, load: Load, churn: Churn, end: float):
        tell = time.monotonic()
        while (now := time.monotonic()) < end:
            self.check(load, churn)
            watch.look()
            if now >= tell:
                tell = now + PROGRESS
                print(f"{end - now:5.0f} s left: {load.counts()}, {churn.rounds}, "
                      f"{watch.summary()}", file=sys.stderr, flush=True)
            # A short run is looked at more often: there must be something to judge.
            pause = min(1.0, self.seconds / 60) - (time.monotonic() - now)
            time.sleep(max(0.0, min(pause, end - time.monotonic())))

    def check(self, load: Load, churn: Churn):
        for why in (load.failure(), churn.failure):
            if why:
                raise Failed(why)
        for agent in self.group.agents.values():
            if agent.process.poll() is not None:
                raise Failed(f"agent {agent.name} ended with status {agent.process.returncode}")

    def formed(self):
        self.group.wait("the group", FORMING, lambda: self.group.leader() and self.group.agree())

    def run(self) -> dict[str, Record]:
        for name in NAMES:
            self.group.start(name, "")
        self.formed()
        leader, told = self.group.leader(), self.group.agents[self.group.leader()]
        token = told.latest("leadership")["token"]
        pids = {name: agent.process.pid for name, agent in self.group.agents.items()}
        self.under_load(Watch(pids), self.seconds / 5)
        self.formed()
        before = settled(pids, None, SETTLING)
        watch = Watch(pids)
        self.under_load(watch, self.seconds * 4 / 5)
        self.formed()
        if self.group.leader() != leader or told.latest("leadership")["token"] != token:
            raise Failed("leadership was lost under the load")
        after = settled(pids, before, SETTLING)
        return {name: Record(watch.seen[name], before[name], after[name]) for name in pids}


def table(records: dict[str, Record]):
    print("agent    resident MiB, middle and last third   proportional   descriptors idle, "
          "at most   threads idle, at most")
    for name, one in records.items():
        middle, last = one.thirds()
        print(f"{name:8} {middle / 1024:8.1f} {last / 1024:8.1f} ({growth(one):+.1f} %)"
              f" {one.loaded[-1].proportional / 1024:24.1f}"
              f" {one.before.descriptors:10} -> {one.after.descriptors},"
              f" {max(s.descriptors for s in one.loaded)}"
              f" {one.before.threads:14} -> {one.after.threads},"
              f" {max(s.threads for s in one.loaded)}")


def soak(seconds: float, with_postgres: bool) -> int:
    with tempfile.TemporaryDirectory(prefix="hedgerow-soak-") as folder:
        here = Path(folder)
        os.chmod(here, 0o711)  # PostgreSQL's own user passes through
        with Postgres(here / "postgres") if with_postgres else nullcontext() as server:
            place = {"store": server.database("soak"), "clock": "declared:5ms",
                     "environment": server.environment} if server else {}
            secret = here / "secret"
            group = Group(command_path(), here, LEASE, secret_file=str(secret), **place)
            secret.touch(mode=0o600)
            secret.write_text(group.run("secret", "new", alone=True)[0])
            all_of_it = Soak(group, seconds)
            try:
                records = all_of_it.run()
            except Failed:
                print(group.logs(), file=sys.stderr)
                raise
            finally:
                group.end()
    table(records)
    found = faults(records)
    for fault in found:
        print(f"not flat: {fault}")
    every = records.values()
    print(f"soak: {seconds / 60:g} minutes, {all_of_it.messages} messages, "
          f"memory {max(map(growth, every)):+.1f} %, "
          f"descriptors {max(r.after.descriptors - r.before.descriptors for r in every):+}, "
          f"threads {max(r.after.threads - r.before.threads for r in every):+}")
    return 1 if found else 0


def interrupted(*_signal):
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10, metavar="M",
                        help="of load (default: %(default)s)")
    parser.add_argument("--postgres", action="store_true",
                        help="keep the group's rows in PostgreSQL, not in a file")
    arguments = parser.parse_args()
    if arguments.minutes <= 0:
        parser.error("--minutes must be positive")
    signal.signal(signal.SIGTERM, interrupted)  # the agents must not outlive this
    try:
        return soak(arguments.minutes * 60, arguments.postgres)
    except Failed as why:
        print(f"soak: failed: {why}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nsoak: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
