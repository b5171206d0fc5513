"""Recovery: after all faults have ended the group is one again within its bound."""

from checks.acts import Acts
from checks.verdict import Verdict, ms
from checks.views import Views
from history import History, Life, Place, Record


class Recovery:
    NAME = "recovery"

    def __init__(self, acts: Acts, views: Views) -> None:
        self.acts = acts
        self.views = views
        # The first act after any instant is asked for once, when that instant is known: what was
        # acted when is kept to the tenth of a second.
        self.acted: dict[int, int] = {}

    STEP_US = 100_000

    def handlers(self):
        return {"act": self.on_act}

    def on_act(self, life: Life, record: Record, place: Place) -> None:
        step = record["a"] // self.STEP_US
        if step not in self.acted:
            self.acted[step] = record["a"]

    def finish(self, history: History, verdict: Verdict) -> None:
        run = history.run
        verdict.judged["recoveries"] = 0
        if run.healed is None:
            return
        # Who stops ends the recovery: the run is over.
        ends = [run.end] + [life.stopping for life in history.lives]
        deadline = min([run.healed + run.recovery_us] +
                       [t for t in ends if t is not None and t > run.healed])
        living = [life for life in history.lives if life.start < deadline and life.pulses
                  and life.pulses[-1] + 2 * self.STEP_US >= deadline
                  and (life.stopping is None or life.stopping >= deadline)]
        verdict.judged["recoveries"] = 1
        verdict.judged["recovered_lives"] = len(living)
        together = self.first_together(run.healed, deadline, living)
        acts = [t for t in self.acted.values() if run.healed <= t <= deadline]
        bound = ms(deadline - run.healed)
        if not living:
            verdict.violated("recovery.nobody", f"nobody lives {bound} after all was healed",
                             run.healed_at)
        if not acts:
            verdict.violated("recovery.no_leader", f"nobody acts within {bound} after all was "
                             "healed", run.healed_at)
        if living and together is None:
            verdict.violated("recovery.view", f"{len(living)} processes live and do not hold one "
                             f"view of just them within {bound} after all was healed",
                             run.healed_at, *self.last_views(living, deadline))
        if acts and together is not None:
            verdict.measured["recovery_us"] = max(min(acts), together) - run.healed

    def last_views(self, living: list[Life], deadline: int) -> list[Place]:
        last = ((seen for seen in reversed(self.views.seen.get(life.number, []))
                 if seen.t <= deadline) for life in living)
        return [one.place for one in (next(seen, None) for seen in last) if one is not None]

    def first_together(self, healed: int, deadline: int, living: list[Life]) -> int | None:
        """The first instant at which all hold one view, and it has exactly them."""
        events = sorted((seen.t, life.number, seen.view) for life in living
                        for seen in self.views.seen.get(life.number, []) if seen.t <= deadline)
        held: dict[int, tuple[int, int]] = {}
        for at, (t, number, view) in enumerate(events):
            held[number] = max(view, held.get(number, view))
            if at + 1 < len(events) and events[at + 1][0] <= healed:
                continue
            now = max(t, healed)
            if len(held) == len(living) and len(set(held.values())) == 1 and \
                    self.has_exactly(held[number], living, now):
                return now
        return None

    def has_exactly(self, view: tuple[int, int], living: list[Life], t: int) -> bool:
        members = set(self.views.views[view].members)
        return members == {f"{life.node}#{life.incarnation_at(t)}" for life in living}
