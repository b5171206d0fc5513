"""An honest group, in the large: a history of some thousand events in which every rule is kept.

Not a model of the product: it knows all and does at once what the product finds out. It has what
the checks look at: changes of leaders, processes that are killed, stopped, paused and cut off and
come back, removals with their reasons, outcomes of each kind.
"""

import heapq
import random
from typing import Callable

from selftest.book import MS, SECOND, Book, Page, member

LEASE = 2 * SECOND
DETECTED = 1200 * MS  # from the first silence to the removal
NODES = ("n1", "n2", "n3", "n4", "n5")


class Process:
    """One node: its present life, if it has one."""

    def __init__(self, node: str):
        self.node = node
        self.page: Page
        self.lives = 0
        self.incarnations = 0
        self.alive = False
        self.paused = False
        self.cut = False
        self.faulty = False  # something happens to it already
        self.token = 0  # that it holds, by what it knows
        self.seen: tuple[int, int] = (0, 0)
        self.number = 0

    @property
    def member(self) -> str:
        return member(self.node, self.incarnations)

    @property
    def reachable(self) -> bool:
        return self.alive and not self.paused and not self.cut

    def next_id(self) -> str:
        self.number += 1
        return f"{self.page.name}-{self.number}"


class HonestRun:
    def __init__(self, seed: int, seconds: int):
        self.random = random.Random(seed)
        self.book = Book(lease_ms=LEASE // MS)
        self.now = 0
        self.end = seconds * SECOND
        self.queue: list[tuple[int, int, Callable[[], None]]] = []
        self.scheduled = 0
        self.processes = [Process(node) for node in NODES]
        self.leader: Process | None = None
        self.token = 0
        self.free_at = 0
        self.timeline = 1
        self.values: list[int] = [0]  # by which token each was made
        self.members: list[str] = []
        self.removed: list[tuple[str, str]] = []
        self.listed: list[tuple[str, str]] = []  # as the newest view says
        self.view = (0, 0)
        self.acted = 0

    def at(self, delay: int, what: Callable[[], None]) -> None:
        self.scheduled += 1
        heapq.heappush(self.queue, (self.now + delay, self.scheduled, what))

    def every(self, period: int, what: Callable[[], None]) -> None:
        def again() -> None:
            what()
            if self.now < self.end:
                self.at(period + self.random.randrange(period // 10), again)
        self.at(period, again)

    def run(self) -> Book:
        for process in self.processes:
            self.start(process)
        for period, what in ((10 * MS, self.act), (50 * MS, self.count), (60 * MS, self.send),
                             (200 * MS, self.broadcast), (300 * MS, self.stream),
                             (20 * MS, self.take), (100 * MS, self.pulse)):
            self.every(period, what)
        self.every(2500 * MS, self.fault)
        self.every(9 * SECOND, self.fail_over)
        while self.queue:
            self.now, _, what = heapq.heappop(self.queue)
            what()
        for process in self.processes:
            process.page.add("pulse", t=self.now + MS)
            if process.token:
                process.page.add("lost", t=self.now + 2 * MS, token=process.token)
            process.page.stop(self.now + 2 * MS)
        self.book.happened("end", self.now + SECOND)
        return self.book

    # Processes.

    def start(self, process: Process) -> None:
        process.lives += 1
        process.page = self.book.page(process.node, process.lives, self.now)
        process.number, process.seen, process.token = 0, (0, 0), 0
        process.alive, process.paused, process.cut = True, False, False
        self.join(process)

    def join(self, process: Process) -> None:
        """Under a new incarnation; it is in the next view."""
        process.incarnations += 1
        process.page.joined(self.now, process.incarnations)

    def pulse(self) -> None:
        for process in self.processes:
            if process.alive and not process.paused:
                process.page.add("pulse", t=self.now)

    def living(self) -> list[Process]:
        return [one for one in self.processes if one.reachable]

    # Leadership and views.

    def take(self) -> None:
        """Who may leads; and whoever leads commits the view that is due."""
        if self.leader is None and self.now >= self.free_at and self.living():
            self.leader = self.random.choice(self.living())
            self.token += self.random.randint(1, 3)
            self.leader.token = self.token
            self.leader.page.add("led", t=self.now, token=self.token)
        if self.leader is not None and self.leader.reachable:
            self.commit()

    def commit(self) -> None:
        new = [one.member for one in self.living() if one.member not in self.members
               and not any(one.member == gone for gone, _ in self.removed)]
        if not new and self.view[0] == self.token and self.members_hold():
            return
        gone = {who for who, _ in self.removed}
        self.members = [one for one in self.members if one not in gone] + new
        self.listed = self.removed[-32:]
        self.view = self.token, self.view[1] + 1
        for process in self.living():
            self.see(process)

    def members_hold(self) -> bool:
        return not any(who in self.members for who, _ in self.removed)

    def see(self, process: Process) -> None:
        if process.seen < self.view:
            process.seen = self.view
            process.page.view(self.now + process.lives * 10, *self.view,
                              list(self.members), *self.listed)

    def remove(self, who: str, reason: str) -> None:
        if all(who != gone for gone, _ in self.removed):
            self.removed.append((who, reason))

    def without_leader(self, after: int) -> None:
        self.leader = None
        self.free_at = self.now + after

    # Faults.

    def fault(self) -> None:
        healthy = [one for one in self.processes if not one.faulty]
        if len(healthy) < 4 or self.now > self.end - 15 * SECOND:
            return
        process = self.random.choice(healthy)
        if process.member not in self.members:
            return
        process.faulty = True
        self.random.choice((self.kill, self.stop, self.pause, self.cut))(process)

    def kill(self, process: Process) -> None:
        self.book.fault("kill", [process.node], self.now)
        process.alive = False
        if process is self.leader:
            self.without_leader(LEASE)
        self.remove(process.member, "crashed")
        self.at(self.random.randint(500, 2500) * MS, lambda: self.revive(process))

    def stop(self, process: Process) -> None:
        self.book.fault("stop", [process.node], self.now)
        process.alive = False
        if process is self.leader:
            process.page.add("lost", t=self.now, token=process.token)
            process.token = 0
            self.without_leader(0)
        process.page.stop(self.now)
        self.remove(process.member, "left")
        self.at(self.random.randint(500, 2500) * MS, lambda: self.revive(process))

    def fail_over(self) -> None:
        """Of the database: a standby takes over that has all of now, and perhaps of what comes."""
        since, has = self.now, len(self.values)

        def promote() -> None:
            lost = self.random.randint(0, len(self.values) - has)
            del self.values[len(self.values) - lost:]
            self.timeline += 1
            self.book.promotion(self.timeline, since, self.now, self.now + 1, lost=lost,
                                value=len(self.values) - 1, token=self.values[-1])
        self.at(self.random.randrange(3000) * MS, promote)

    def revive(self, process: Process) -> None:
        self.start(process)
        process.faulty = False

    def pause(self, process: Process) -> None:
        lasts = self.random.randint(500, 6000) * MS
        self.book.fault("pause", [process.node], self.now, self.now + lasts)
        process.paused = True
        if process is self.leader:
            self.without_leader(LEASE)
        silent = process.member
        if lasts > DETECTED:
            self.at(DETECTED, lambda: self.remove(silent, "silent"))
        since = self.now
        self.at(lasts, lambda: self.resume(process, since))

    def cut(self, process: Process) -> None:
        lasts = self.random.randint(1500, 6000) * MS
        self.book.fault("cut", [process.node], self.now, self.now + lasts)
        process.cut = True
        silent = process.member
        if process is self.leader:
            token = process.token
            self.without_leader(LEASE)
            process.token = 0
            process.page.add("lost", t=self.now + LEASE - 50 * MS, token=token)
        self.at(DETECTED, lambda: self.remove(silent, "silent"))
        since = self.now
        self.at(lasts, lambda: self.resume(process, since))

    def resume(self, process: Process, since: int) -> None:
        """From a pause or a cut. What a leader had checked before a pause it writes now."""
        process.paused = process.cut = process.faulty = False
        process.page.add("pulse", t=self.now)
        if process.token:
            if process.token == self.token and self.leader is None and self.now < self.free_at:
                self.leader = process  # in time
            else:
                self.book.acts.append((process.token, process.node, since))
                process.page.add("lost", t=self.now, token=process.token)
                process.page.add("counter", a=self.now, b=self.now + MS, token=process.token,
                                 outcome="failed")
                process.token = 0
        if any(process.member == gone for gone, _ in self.removed):
            self.join(process)
        self.see(process)

    # What the processes do.

    def act(self) -> None:
        if self.leader is None or not self.leader.reachable or self.view[0] != self.token:
            return
        self.leader.page.act(self.token, self.now, self.now + self.random.randrange(MS))
        self.acted += 1
        if self.acted % 20 == 0:
            self.book.acts.append((self.token, self.leader.node, self.now))

    def count(self) -> None:
        if self.leader is None or not self.leader.reachable:
            return
        outcome = self.random.choices(("done", "unknown", "failed"), (90, 5, 5))[0]
        more = {}
        if outcome == "done" or outcome == "unknown" and self.random.random() < 0.5:
            self.values.append(self.token)
        if outcome == "done":
            more = {"value": len(self.values) - 1, "timeline": self.timeline}
        self.leader.page.add("counter", a=self.now, b=self.now + self.random.randrange(1, 5 * MS),
                             token=self.token, outcome=outcome, **more)

    def send(self) -> None:
        callers = [one for one in self.processes if one.alive and not one.paused]
        if not callers:
            return
        caller = self.random.choice(callers)
        name = caller.next_id()
        caller.page.add("call", id=name, kind="send", t=self.now)
        heard = (self.leader is not None and self.leader.reachable and caller.reachable
                 and self.view[0] == self.token)
        outcome = "not_executed"
        if heard:
            outcome = self.random.choices(("replied", "unknown", "not_executed"), (90, 6, 4))[0]
        if outcome == "replied" or outcome == "unknown" and self.random.random() < 0.5:
            self.leader.page.add("executed", id=name, token=self.token, a=self.now + 100,
                                 b=self.now + 200)
        by = {"by": self.leader.member} if outcome == "replied" else {}
        caller.page.add("answer", id=name, t=self.now + 300, outcome=outcome, **by)

    def broadcast(self) -> None:
        callers = [one for one in self.living() if one.member in self.members]
        if not callers:
            return
        caller = self.random.choice(callers)
        name = caller.next_id()
        caller.page.add("call", id=name, kind="broadcast", t=self.now)
        for who in self.members:
            target = next((one for one in self.living() if one.member == who), None)
            outcome = "replied" if target is not None else self.random.choice(
                ("unknown", "not_executed"))
            if target is not None:
                target.page.add("executed", id=name, token=0, a=self.now + 100, b=self.now + 150)
            caller.page.add("answer", id=name, t=self.now + 300, outcome=outcome, by=who)
        caller.page.add("done", id=name, t=self.now + 400)

    def stream(self) -> None:
        if self.leader is None or not self.leader.reachable or self.view[0] != self.token:
            return
        openers = self.living()
        opener, acceptor = self.random.choice(openers), self.leader
        to_all = self.random.random() < 0.3
        if to_all:
            acceptor = self.random.choice(openers)
        name = opener.next_id() + (f"@{acceptor.node}" if to_all else "")
        opener.page.add("stream", id=name, kind="all" if to_all else "leader",
                        to=acceptor.member if to_all else "", t=self.now)
        sent = self.random.randint(2, 9)
        got = sent if self.random.random() < 0.8 else self.random.randrange(sent)
        for n in range(1, sent + 1):
            opener.page.add("sent", id=name, n=n, t=self.now + 100 * n)
        for n in range(1, got + 1):
            acceptor.page.add("got", id=name, n=n, token=self.token, t=self.now + 100 * n + 50)
        if got > 1:
            opener.page.add("acked", id=name, n=got // 2, t=self.now + 1000)
        if got == sent:
            opener.page.add("acked", id=name, n=got, t=self.now + 1000)
        outcome = "good" if got == sent else "cancelled"
        opener.page.add("ended", id=name, side="opener", outcome=outcome, t=self.now + 1100)
        if got:
            acceptor.page.add("ended", id=name, side="acceptor", outcome=outcome,
                              t=self.now + 1100)


def honest_book(seed: int, seconds: int = 40) -> Book:
    run = HonestRun(seed, seconds)
    healed = run.end - 8 * SECOND
    book = run.run()
    book.happened("healed", healed)
    return book
