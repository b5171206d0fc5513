"""Small histories of views that a promoted standby lacks: each breaks one rule, or nearly."""

from typing import Iterator

from selftest.book import MS, Book, member
from selftest.planted_leadership import Case, Pair

ONE, TWO, THREE, FOUR = (member(f"n{i}") for i in range(1, 5))
ALL = [ONE, TWO, THREE]
SILENT = (THREE, "silent")


def lost(then: list[str], *removed: tuple[str, str], members: list[str] | None = None,
         cut: bool = True, pair: Pair | None = None, since: int = 1900, commits: int = 1,
         seen: int = 2000, also: bool = False, then_at: int = 3200) -> Book:
    """n1 alone, if not n2 `also`, sees a view without n3, or with `members`. It is lost, and n2
    leads on with the members `then`, cut off from n1 or not."""
    pair = pair or Pair()
    pair.book.page("n3").joined(1000 * MS)
    for page in (pair.one, pair.two):
        page.view(1500 * MS, 10, 5, ALL)
    first = ([ONE, TWO], SILENT) if members is None else (members,)
    pair.one.view(seen * MS, 10, 6, *first)
    if also:
        pair.two.view((seen + 1) * MS, 10, 6, *first)
    pair.book.promotion(2, since * MS, 2500 * MS, 2600 * MS, value=0, token=0, lost=commits)
    pair.two.view(then_at * MS, 11, 7, then, *removed)
    if cut:
        pair.book.fault("two_way_cut", ["n1"], 1800 * MS, 3300 * MS, pairs=[["n1", "n2"]])
    return pair.end()


def cases() -> Iterator[Case]:
    yield "a removal that is lost", (), lost(ALL)
    for name, more in (("and somebody knows it", {"cut": False}),
                       ("and the leader knows it", {"also": True}),
                       ("though nothing is", {"commits": 0}),
                       ("though the standby had it", {"since": 2001})):
        yield f"a removal that is lost {name}", ("views.came_back",), lost(ALL, **more)
    yield "a removal that is lost, and known to one that is paused", (), lost(
        ALL, cut=False, pair=Pair((2500 * MS, 3400 * MS)))
    yield "a removal that is lost, and known to one too late", (), lost(ALL, cut=False, seen=2700)
    yield "a removal that is lost, and known to one that begins anew", (), lost(
        ALL, cut=False, pair=anew("n1"))
    yield "a removal that is lost, and known to a leader that begins anew", (), lost(
        ALL, also=True, pair=anew("n2"))
    yield "a removal that a leader before the promotion forgets", ("views.came_back",), lost(
        ALL, then_at=2400)
    yield "a removal that comes too late to be lost", ("views.came_back",), lost(
        ALL, seen=4501, then_at=4600)
    more = {"members": [*ALL, FOUR]}
    yield "an admission that is lost", (), lost(ALL, **more)
    yield "an admission that is lost and somebody knows it", ("views.lost",), lost(
        ALL, cut=False, **more)
    yield "a lost view, and the one before it forgotten too", ("views.lost",), lost(
        [ONE, TWO], **more)
    yield "a lost removal for another reason", (), lost([ONE, TWO], (THREE, "crashed"))
    yield "a lost removal for another reason, to which the next holds", (), followed("crashed")
    yield "a lost removal for a third reason", ("views.two_reasons",), followed("silent")
    yield "a lost removal for another reason than known", ("views.two_reasons",), lost(
        [ONE, TWO], (THREE, "crashed"), cut=False)


def followed(reason: str) -> Book:
    """n3, whose silence was lost, has crashed; n1 leads after that, and says why n3 was removed."""
    book = lost([ONE, TWO], (THREE, "crashed"))
    one, two = book.pages[:2]
    one.view(5500 * MS, 11, 7, [ONE, TWO], (THREE, "crashed"))
    two.add("lost", t=6000 * MS, token=11)
    one.add("led", t=6100 * MS, token=12)
    one.view(6101 * MS, 12, 8, [ONE, TWO], (THREE, reason))
    return book


def anew(node: str) -> Pair:
    pair = Pair()
    (pair.one if node == "n1" else pair.two).joined(2800 * MS, 2)
    return pair

