"""Which views a promotion may have lost for good, so that the next leader could not know them.

A view that was committed shortly before a promotion may be missing in the standby. A new leader
then asks the members of the views that it knows, and goes on from the newest. So the view still
binds it if it had seen it itself, or could have heard of it: somebody whom it knew had seen it
before the promotion, ran on, and had an undisturbed path to it.
"""

from typing import NamedTuple

from checks.acts import Acts
from checks.disturbances import disturbances_of
from history import History, Life, Place, Promotion

ViewId = tuple[int, int]  # token, sequence


class Seen(NamedTuple):
    t: int
    view: ViewId
    place: Place


class LostViews:
    """After all is read. `seen`: by life, in the order of its file."""

    def __init__(self, history: History, acts: Acts, seen: dict[int, list[Seen]],
                 members: dict[ViewId, tuple[str, ...]], first_seen: dict[ViewId, int]):
        self.promotions = [one for one in history.run.promotions if one.lost]
        self.disturbances = disturbances_of(history) if self.promotions else []
        self.history = history
        self.acts = acts
        self.seen = seen
        self.members = members
        self.first_seen = first_seen

    def bound(self, before: ViewId, after: ViewId) -> bool:
        """Whether `after` must go on from `before`."""
        if before[0] == after[0]:
            return True  # of one leader, who knows what it has decided
        # Who commits a view sees it under the same lease, or never.
        lease = self.history.run.lease_us
        between = [one for one in self.promotions
                   if one.since <= self.first_seen[before] <= one.killed + lease
                   and self.first_seen[after] >= one.t]
        return not between or self.known(before, after, between)

    def known(self, before: ViewId, after: ViewId, between: list[Promotion]) -> bool:
        leader = self.acts.owner(after[0])
        if leader is None:
            return False
        begin, end = min(one.t for one in between), self.first_seen[after]
        own = self.newest(leader, end, end, after[0])
        if own is None:
            return False
        if own.view >= before:
            return True
        return any(self.told(leader, member, before, after, begin, end)
                   for member in self.members[own.view])

    def newest(self, life: Life, by: int, as_of: int, below: int) -> Seen | None:
        """Of lower tokens, what it had seen by then as the incarnation that it has later: another
        one begins anew."""
        found = [one for one in self.seen.get(life.number, []) if one.t <= by
                 and one.view[0] < below
                 and life.incarnation_at(one.t) == life.incarnation_at(as_of)]
        return max(found, key=lambda one: one.view, default=None)

    def told(self, leader: Life, member: str, before: ViewId, after: ViewId, begin: int,
             end: int) -> bool:
        life = self.history.member(member)
        if life is None or life is leader or not life.ran(begin, end) or \
                not member.endswith(f"#{life.incarnation_at(end)}"):
            return False
        if any(one.overlaps(begin, end) and one.touches_path(leader.node, life.node)
               for one in self.disturbances):
            return False
        seen = self.newest(life, begin, end, after[0])
        return seen is not None and seen.view >= before
