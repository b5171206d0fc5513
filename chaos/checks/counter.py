"""The fenced counter: a row that adds one for each update whose token is not below its own.

Where a promoted standby lacks commits, the row goes back to a value that it once had, and values
come anew. So each timeline of the database is judged by itself, and by what the promotions at both
of its ends say: with which value it began, when it was the present one, and what may be lost of it.
"""

from bisect import bisect_right
from typing import NamedTuple

from checks.acts import Acts
from checks.verdict import Verdict, ms
from history import FIRST_TIMELINE, GRAIN_US, History, Life, Place, Promotion, Record


class Update(NamedTuple):
    value: int
    token: int
    a: int
    b: int
    place: Place


class Timeline:
    """Between two promotions, or from the run's begin, or to its end."""

    def __init__(self, number: int, begins: Promotion | None, ends: Promotion | None):
        self.number = number
        self.begins = begins
        self.ends = ends
        self.base = begins.value if begins else 0
        self.since = begins.t if begins else 0
        self.until = ends.killed if ends else 2**63
        self.done: list[Update] = []

    def present(self, a: int, b: int) -> bool:
        """Whether something between a and b may have happened on it."""
        return a <= self.until and b >= self.since


def timelines_of(promotions: list[Promotion]) -> dict[int, Timeline]:
    numbers = [FIRST_TIMELINE] + [one.begins for one in promotions]
    ends = [None, *promotions, None]
    return {number: Timeline(number, ends[at], ends[at + 1]) for at, number in enumerate(numbers)}


class Counter:
    NAME = "counter"

    def __init__(self, acts: Acts) -> None:
        self.acts = acts
        self.done: list[tuple[int, Update]] = []  # with the timeline
        self.unknown: list[tuple[int, int]] = []  # begin and end
        self.outcomes = {"done": 0, "refused": 0, "unknown": 0, "failed": 0}
        self.writers: dict[int, Life] = {}

    def handlers(self):
        return {"counter": self.on_counter}

    def on_counter(self, life: Life, record: Record, place: Place) -> None:
        self.writers[life.number] = life
        self.acts.owned(record["token"], life, record["a"], place)
        self.outcomes[record["outcome"]] += 1
        if record["outcome"] == "done":
            self.done.append((record["timeline"], Update(record["value"], record["token"],
                                                         record["a"], record["b"], place)))
        elif record["outcome"] == "unknown":
            self.unknown.append((record["a"], record["b"]))

    def finish(self, history: History, verdict: Verdict) -> None:
        timelines = timelines_of(history.run.promotions)
        verdict.measured["counter_missing"] = verdict.measured["counter_lost"] = 0
        for number, update in self.done:
            if number in timelines and timelines[number].present(update.a, update.b):
                timelines[number].done.append(update)
                continue
            ends = [one.place for one in history.run.promotions if number in (one.ends, one.begins)]
            verdict.violated("counter.timeline", f"value {update.value} was made on timeline "
                             f"{number} of the database while that was not the present one",
                             update.place, *ends)
        for timeline in timelines.values():
            timeline.done.sort()
            self.check_fence(timeline, verdict)
            self.check_order(timeline, verdict)
            self.check_missing(timeline, verdict)
            if timeline.ends is not None:
                self.check_end(timeline, timeline.ends, verdict)
        verdict.judged["counter_updates"] = len(self.done)
        verdict.judged["counter_refused"] = self.outcomes["refused"]
        verdict.judged["counter_unknown"] = self.outcomes["unknown"]
        verdict.judged["promotions"] = len(history.run.promotions)
        verdict.judged["promotions_with_losses"] = sum(one.lost > 0
                                                       for one in history.run.promotions)

    def check_fence(self, timeline: Timeline, verdict: Verdict) -> None:
        begins = timeline.begins
        for update in timeline.done if begins else ():
            if update.value <= begins.value:
                verdict.violated("counter.begin", f"timeline {timeline.number} began with "
                                 f"{begins.value}, and an update on it made {update.value}",
                                 begins.place, update.place)
            elif update.token < begins.token:
                verdict.violated("counter.token_back", f"timeline {timeline.number} began under "
                                 f"token {begins.token}, and value {update.value} was made under "
                                 f"{update.token}: the fence did not hold", begins.place,
                                 update.place)
        for update, following in zip(timeline.done, timeline.done[1:]):
            if update.value == following.value:
                verdict.violated("counter.twice", f"two updates made the value {update.value}",
                                 update.place, following.place)
            elif update.token > following.token:
                verdict.violated("counter.token_back", f"value {update.value} was made under token "
                                 f"{update.token}, and {following.value} under {following.token}: "
                                 "the fence did not hold", update.place, following.place)

    def check_order(self, timeline: Timeline, verdict: Verdict) -> None:
        latest: Update | None = None  # that of the lower values which began last
        for update in timeline.done:
            if latest is not None and update.b < latest.a and update.value > latest.value:
                verdict.violated("counter.order", f"value {update.value} was there "
                                 f"{ms(latest.a - update.b)} before the update to {latest.value} "
                                 "began", update.place, latest.place)
            if latest is None or update.a > latest.a:
                latest = update

    def explained(self, timeline: Timeline) -> int:
        """How many values nobody may have: those of unknown outcome, which a frozen server may
        execute late, but no dead one; and of each process that was killed one, of which there is
        no line."""
        unknown = sum(timeline.present(a, b) for a, b in self.unknown)
        return unknown + sum(life.killed and timeline.present(life.start, life.last + GRAIN_US)
                             for life in self.writers.values())

    def check_missing(self, timeline: Timeline, verdict: Verdict) -> None:
        """Up to the greatest value that is known, by an update or by the promotion at its end."""
        done = timeline.done
        known = [update.value for update in done if update.value > timeline.base]
        top = max([timeline.base, *known, *([timeline.ends.value] if timeline.ends else [])])
        missing = top - timeline.base - len(set(known))
        explained = self.explained(timeline)
        verdict.measured["counter_missing"] += max(missing, 0)
        if missing > explained:
            at = next((i for i in range(1, len(done))
                       if done[i].value > done[i - 1].value + 1), 0)
            places = [update.place for update in done[max(at - 1, 0):at + 1]]
            places += [one.place for one in (timeline.begins, timeline.ends) if one]
            verdict.violated("counter.missing", f"{missing} values are missing up to {top}, and "
                             f"only {explained} updates of unknown outcome explain them: one that "
                             "was refused or failed has counted", *places)

    def check_end(self, timeline: Timeline, end: Promotion, verdict: Verdict) -> None:
        """The next timeline goes on from a value that this one had, and that was not lost."""
        done = timeline.done
        at = bisect_right(done, end.value, key=lambda update: update.value)
        lost = done[at:]
        verdict.measured["counter_lost"] += len(lost)
        for update in lost:
            if update.b <= end.since or not end.lost:
                verdict.violated("counter.lost", f"value {update.value} was there "
                                 f"{ms(end.killed - update.b)} before the primary died, and the "
                                 f"standby, which had it, went on from {end.value}", update.place,
                                 end.place)
        if end.value < timeline.base:
            verdict.violated("counter.lost", f"the standby went on from {end.value}; the timeline "
                             f"before began with {timeline.base}", end.place)
        if at and done[at - 1].value == end.value and done[at - 1].token != end.token:
            verdict.violated("counter.begin", f"the standby has value {end.value} under token "
                             f"{end.token}; it was made under {done[at - 1].token}",
                             done[at - 1].place, end.place)
