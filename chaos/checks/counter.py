"""The fenced counter: a row that adds one for each update whose token is not below its own."""

from typing import NamedTuple

from checks.acts import Acts
from checks.verdict import Verdict, ms
from history import History, Life, Place, Record


class Update(NamedTuple):
    value: int
    token: int
    a: int
    b: int
    place: Place


class Counter:
    NAME = "counter"

    def __init__(self, acts: Acts) -> None:
        self.acts = acts
        self.done: list[Update] = []
        self.outcomes = {"done": 0, "refused": 0, "unknown": 0, "failed": 0}
        self.writers: dict[int, Life] = {}

    def handlers(self):
        return {"counter": self.on_counter}

    def on_counter(self, life: Life, record: Record, place: Place) -> None:
        self.writers[life.number] = life
        self.acts.owned(record["token"], life, record["a"], place)
        self.outcomes[record["outcome"]] += 1
        if record["outcome"] == "done":
            self.done.append(Update(record["value"], record["token"], record["a"], record["b"],
                                    place))

    def finish(self, history: History, verdict: Verdict) -> None:
        self.done.sort()
        for update, following in zip(self.done, self.done[1:]):
            if update.value == following.value:
                verdict.violated("counter.twice", f"two updates made the value {update.value}",
                                 update.place, following.place)
            elif update.token > following.token:
                verdict.violated("counter.token_back", f"value {update.value} was made under token "
                                 f"{update.token}, and {following.value} under {following.token}: "
                                 "the fence did not hold", update.place, following.place)
        self.check_order(verdict)
        self.check_missing(verdict)
        verdict.judged["counter_updates"] = len(self.done)
        verdict.judged["counter_refused"] = self.outcomes["refused"]
        verdict.judged["counter_unknown"] = self.outcomes["unknown"]

    def check_order(self, verdict: Verdict) -> None:
        latest: Update | None = None  # that of the lower values which began last
        for update in self.done:
            if latest is not None and update.b < latest.a and update.value > latest.value:
                verdict.violated("counter.order", f"value {update.value} was there "
                                 f"{ms(latest.a - update.b)} before the update to {latest.value} "
                                 "began", update.place, latest.place)
            if latest is None or update.a > latest.a:
                latest = update

    def check_missing(self, verdict: Verdict) -> None:
        """Only an update of unknown outcome explains a value that nobody made; of those that a
        killed process had under way, one at most, there is no line."""
        if not self.done:
            return
        missing = self.done[-1].value - len({update.value for update in self.done})
        killed = sum(life.killed for life in self.writers.values())
        explained = self.outcomes["unknown"] + killed
        verdict.measured["counter_missing"] = max(missing, 0)
        if missing > explained:
            at = next((i for i in range(1, len(self.done))
                       if self.done[i].value > self.done[i - 1].value + 1), 0)
            verdict.violated("counter.missing", f"{missing} values are missing up to "
                             f"{self.done[-1].value}, and only {explained} updates of unknown "
                             "outcome explain them: one that was refused or failed has counted",
                             *(update.place for update in self.done[max(at - 1, 0):at + 1]))
