"""Views: one total order for all, and nobody is lost from it without a record."""

from typing import NamedTuple

from checks.acts import Acts
from checks.lost_views import LostViews, Seen, ViewId
from checks.verdict import Verdict
from history import History, Life, Place, Record


class View(NamedTuple):
    members: tuple[str, ...]
    removed: tuple[tuple[str, str], ...]  # the latest removals, with their reasons
    place: Place
    t: int  # when it was first seen


class Removal(NamedTuple):
    view: ViewId  # the first that has the record
    reason: str
    place: Place


class Views:
    NAME = "views"

    def __init__(self, acts: Acts) -> None:
        self.acts = acts
        self.views: dict[ViewId, View] = {}
        self.removals: dict[str, Removal] = {}
        self.first_seen: dict[str, int] = {}  # when each member was first seen in any view
        self.seen: dict[int, list[Seen]] = {}  # by life, in the order of its file
        self.lives: dict[int, Life] = {}
        self.conflicts: list[tuple[ViewId, View, View]] = []  # as one had it, and another
        self.told: dict[ViewId, dict[str, Removal]] = {}  # in it, and in those it goes on from
        self.order: list[ViewId] = []  # after the end

    def handlers(self):
        return {"view": self.on_view}

    def on_view(self, life: Life, record: Record, place: Place) -> None:
        key = record["token"], record["seq"]
        members = tuple(record["members"])
        removed = tuple((one["member"], one["reason"]) for one in record["removed"])
        self.lives[life.number] = life
        self.seen.setdefault(life.number, []).append(Seen(record["t"], key, place))
        known = self.views.get(key)
        if known is None:
            self.views[key] = View(members, removed, place, record["t"])
        elif known[:2] != (members, removed):
            self.conflicts.append((key, known, View(members, removed, place, record["t"])))
        elif record["t"] < known.t:
            self.views[key] = known._replace(t=record["t"], place=place)
        for member in members:
            if record["t"] < self.first_seen.get(member, 2**63):
                self.first_seen[member] = record["t"]
        for who, reason in removed:
            self.removed(who, Removal(key, reason, place))

    def removed(self, member: str, removal: Removal) -> None:
        known = self.removals.get(member)
        if known is None or removal.view < known.view:
            self.removals[member] = removal

    def finish(self, history: History, verdict: Verdict) -> None:
        self.order = sorted(self.views)
        for key, one, other in self.conflicts:
            verdict.violated("views.two_contents", f"view {key} has two contents", one.place,
                             other.place)
        for number, seen in self.seen.items():
            self.check_seen(self.lives[number], seen, verdict)
        self.check_steps(history, verdict)
        for key in self.order:
            self.check_names(key, verdict)
        verdict.judged["views"] = len(self.views)
        verdict.judged["views_seen"] = sum(map(len, self.seen.values()))
        verdict.judged["view_tokens"] = len({token for token, _ in self.views})
        verdict.judged["removals"] = len(self.removals)

    def check_steps(self, history: History, verdict: Verdict) -> None:
        """From each view to the next, but past those that are lost and bind it no more."""
        lost = LostViews(history, self.acts, self.seen,
                         {key: view.members for key, view in self.views.items()},
                         {key: view.t for key, view in self.views.items()})
        gone: dict[str, View] = {}
        passed = 0
        for at, after in enumerate(self.order):
            before = next((key for key in reversed(self.order[:at]) if lost.bound(key, after)),
                          None)
            passed += at > 0 and before != self.order[at - 1]
            self.check_reasons(before, after, verdict)
            if before is not None:
                self.check_step(history, before, after, gone, verdict)
        verdict.measured["views_after_lost_ones"] = passed

    def check_reasons(self, before: ViewId | None, after: ViewId, verdict: Verdict) -> None:
        told = self.told[after] = dict(self.told[before]) if before is not None else {}
        others = [other for key, _, other in self.conflicts if key == after]
        for view in (self.views[after], *others):
            for who, reason in view.removed:
                known = told.setdefault(who, Removal(after, reason, view.place))
                if known.reason != reason:
                    verdict.violated("views.two_reasons", f"{who} was removed for two reasons",
                                     known.place, view.place)

    def check_seen(self, life: Life, seen: list[Seen], verdict: Verdict) -> None:
        # One thread tells them.
        for before, after in zip(seen, seen[1:]):
            if after.view <= before.view:
                verdict.violated("views.back", f"{life.name} saw view {after.view} after "
                                 f"{before.view}", before.place, after.place)

    def check_step(self, history: History, before: ViewId, after: ViewId, gone: dict[str, View],
                   verdict: Verdict) -> None:
        one, other = self.views[before], self.views[after]
        had, has = set(one.members), set(other.members)
        for member in one.members:
            if member in has:
                continue
            gone[member] = other
            # Views that nobody recorded may lie between the two; their removals are still listed.
            # One that was never told may be removed several times.
            removal = self.told[after].get(member)
            if (removal is None or removal.view <= before) and \
                    self.listed(other, member) <= self.listed(one, member):
                verdict.violated("views.lost", f"{member} is in view {before}, not in {after}, and "
                                 "nobody removed it", one.place, other.place)
        for member in other.members:
            if member in gone and member not in had and \
                    self.knew(history, member, gone[member].t):
                verdict.violated("views.came_back", f"{member} is in view {after}, and was removed "
                                 "before", gone[member].place, other.place)
        if [m for m in one.members if m in has] != [m for m in other.members if m in had]:
            verdict.violated("views.order", f"between view {before} and {after} members that "
                             "stayed changed places", one.place, other.place)

    @staticmethod
    def listed(view: View, member: str) -> int:
        return sum(who == member for who, _ in view.removed)

    def knew(self, history: History, member: str, t: int) -> bool:
        """Whether it was told that it is a member. Who never was asks again under the same
        incarnation."""
        life = history.member(member)
        return life is not None and any(joined < t for joined, incarnation in life.joined
                                        if incarnation.startswith(member.rpartition("#")[2]))

    def check_names(self, key: ViewId, verdict: Verdict) -> None:
        view = self.views[key]
        names = [member.rpartition("#")[0] for member in view.members]
        if len(set(names)) != len(names):
            verdict.violated("views.name_twice", f"view {key} has a name twice", view.place)
