"""Removals: every reason that is given is true, and nobody healthy is removed as silent.

Healthy is what docs/testing.md says, as far as a history tells it: for the whole window before the
verdict the process ran, and more than one in ten of those who could speak for it to the leader had
an undisturbed two-way path to it. Doubt counts for the product: a path that any fault may have
touched proves nothing, nor does a voice that may have been unheard.
"""

from typing import Iterable

from checks.acts import Acts
from checks.disturbances import SLACK_US, Disturbance, disturbances_of
from checks.verdict import Verdict
from checks.views import Removal, View, ViewId, Views
from history import GRAIN_US, History, Life, Place

# Probes of the product's default, and the rings' width (src/core/membership/options.h).
PROBES_IN_SILENCE = 3
WINDOW_PROBES = 15
OBSERVERS_MAX = 10
HELPERS = 5


class Scene:
    """What is known of the group in the window before one verdict."""

    def __init__(self, history: History, views: Views, disturbances: Iterable[Disturbance],
                 begin: int, end: int):
        self.history = history
        self.begin = begin
        self.end = end
        self.disturbances = [one for one in disturbances if one.overlaps(begin, end)]
        self.views = views

    def ran(self, life: Life) -> bool:
        """All the time, and promptly: two missed probes in a row are too many already."""
        return life.ran(self.begin, self.end, GRAIN_US)

    def clean(self, one: Life, other: Life) -> bool:
        return one is other or not any(d.touches_path(one.node, other.node)
                                       for d in self.disturbances)

    def newcomer(self, member: str) -> bool:
        """J1 has rules of its own for who is joining; the history does not say how long it was."""
        return self.views.first_seen.get(member, self.end) >= self.begin

    def healthy(self, leader: Life, view: View, subject: str) -> bool | None:
        """None: it can't be told."""
        members = list(view.members)
        if len(members) > OBSERVERS_MAX + 1 or subject not in members:
            return None  # not everybody observes everybody: who does is not in the history
        lives = [self.history.member(member) for member in members]
        if any(life is None for life in lives):
            return None
        speaks = [not self.newcomer(member) and self.ran(life) and self.clean(leader, life)
                  for member, life in zip(members, lives)]
        possible = [life.last >= self.begin for life in lives]

        def upheld(s: int) -> bool:
            speakers = [i for i in range(len(members)) if i != s]
            for_it = sum(speaks[i] and self.clean(lives[i], lives[s]) for i in speakers)
            against = sum(possible[i] and not (speaks[i] and self.clean(lives[i], lives[s]))
                          for i in speakers)
            if for_it + against < 3:
                return speaks[s]
            return 10 * for_it > for_it + against

        # Who is condemned has no voice: to the fixpoint.
        moved = True
        while moved:
            moved = False
            for s, life in enumerate(lives):
                if life is not leader and speaks[s] and not upheld(s):
                    speaks[s] = False
                    moved = True
        at = members.index(subject)
        return self.ran(lives[at]) and upheld(at)


class Evictions:
    NAME = "evictions"

    def __init__(self, acts: Acts, views: Views) -> None:
        self.acts = acts
        self.views = views
        self.judged = {"removed_left": 0, "removed_crashed": 0, "removed_replaced": 0,
                       "removed_silent": 0, "silent_judged": 0}

    def handlers(self):
        return {}

    def finish(self, history: History, verdict: Verdict) -> None:
        disturbances = disturbances_of(history)
        for member, removal in sorted(self.views.removals.items()):
            view = self.views.views.get(removal.view)
            life = history.member(member)
            if view is None:
                continue
            self.judged[f"removed_{removal.reason}"] += 1
            if life is None:
                # Killed before it could write that it had joined.
                continue
            if removal.reason == "crashed":
                self.check_crashed(member, life, removal, view, verdict)
            elif removal.reason == "left":
                self.check_left(member, life, removal, view, verdict)
            else:
                scene = self.scene(history, disturbances, view.t)
                self.check_health(scene, member, life, removal, verdict)
        verdict.judged.update(self.judged)

    def scene(self, history: History, disturbances: list[Disturbance], t: int) -> Scene:
        probe = history.run.silence_us // PROBES_IN_SILENCE
        window = WINDOW_PROBES * probe + SLACK_US
        begin = t - window
        # A verdict may have waited for the database to take the view.
        for fault in reversed(history.run.faults):
            until = fault.until if fault.until is not None else fault.t + history.run.lease_us
            if Disturbance.delays_views(fault) and fault.t <= t and until + SLACK_US >= begin:
                begin = min(begin, fault.t - window)
        return Scene(history, self.views, disturbances, begin, t)

    def check_crashed(self, member: str, life: Life, removal: Removal, view: View,
                      verdict: Verdict) -> None:
        """It has certainly ended: as a process, or as this incarnation."""
        if life.stopping is not None and life.stopping <= view.t:
            return
        later = life.incarnation_at(view.t)
        if later is not None and not member.endswith(later):
            return
        # Pulses end with the process.
        if life.pulses and life.pulses[-1] > view.t:
            verdict.violated("evictions.crashed", f"{member} was removed as crashed, and lives",
                             removal.place, *self.end_of(life))

    def check_left(self, member: str, life: Life, removal: Removal, view: View,
                   verdict: Verdict) -> None:
        if life.stopping is None or life.stopping > view.t:
            verdict.violated("evictions.left", f"{member} is said to have left, and did not stop",
                             removal.place, *self.end_of(life))

    def end_of(self, life: Life) -> list[Place]:
        """A line that shows that it went on."""
        seen = self.views.seen.get(life.number)
        return [seen[-1].place] if seen else []

    def base_of(self, key: ViewId, member: str) -> View | None:
        """The last view before it that has the member."""
        for other in reversed(self.views.order):
            if other < key and member in self.views.views[other].members:
                return self.views.views[other]
        return None

    def check_health(self, scene: Scene, member: str, life: Life, removal: Removal,
                     verdict: Verdict) -> None:
        base = self.base_of(removal.view, member)
        leader = self.acts.owner(removal.view[0])
        if base is None or leader is None or life is leader:
            return
        joined = life.incarnation_at(scene.end)
        if joined is not None and not member.endswith(joined):
            return  # it is another already
        if not scene.ran(life) or life.stopping is not None and life.stopping <= scene.end:
            self.judged["silent_judged"] += removal.reason == "silent"
            return
        if removal.reason == "replaced":
            if scene.ran(leader) and scene.clean(leader, life) and not scene.newcomer(member):
                verdict.violated("evictions.replaced", f"{member} was replaced, and answered",
                                 removal.place, *self.end_of(life))
            return
        if scene.newcomer(member):
            return
        healthy = scene.healthy(leader, base, member)
        self.judged["silent_judged"] += healthy is not None
        if healthy:
            verdict.violated("evictions.healthy", f"{member} was removed as silent by "
                             f"{leader.name}, and was healthy", base.place, removal.place,
                             *(self.end_of(life)))
