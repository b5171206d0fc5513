"""Small histories of the fenced counter, and of promotions: each breaks one rule, or nearly."""

from typing import Iterator

from selftest.book import MS, Book
from selftest.planted_leadership import Case, Pair

Updates = tuple[tuple[int, int, str, int], ...]  # value, token, outcome, begin in ms


def counted(*updates: tuple[int, int, str, int], killed: bool = False) -> Book:
    """Each takes 10 ms."""
    return continued(updates, (), killed=killed, promoted=False)


def continued(before: Updates, after: Updates, killed: bool = False, promoted: bool = True,
              since: int = 1500, value: int = 2, token: int = 10, lost: int = 1,
              begins: int = 2) -> Book:
    """Updates before and after a promotion from 4000 to 4200 ms."""
    pair = Pair()
    for timeline, updates in ((1, before), (begins, after)):
        for made, under, outcome, begin in updates:
            page = pair.one if under == 10 else pair.two
            page.add("counter", a=begin * MS, b=(begin + 10) * MS, token=under, outcome=outcome,
                     **({"value": made, "timeline": timeline} if outcome == "done" else {}))
    if promoted:
        pair.book.promotion(2, since * MS, 4000 * MS, 4200 * MS, value=value, token=token,
                            lost=lost)
    book = pair.end()
    if killed:
        del pair.two.lines[-2:]
    return book


def counter_cases() -> Iterator[Case]:
    yield "a counter", (), counted((1, 10, "done", 1000), (2, 10, "done", 1010),
                                   (3, 11, "done", 4000), (0, 10, "refused", 4100))
    yield "a value of two", ("counter.twice",), counted((1, 10, "done", 1000),
                                                        (1, 10, "done", 1100))
    yield "a fence that did not hold", ("counter.token_back",), counted(
        (1, 11, "done", 1000), (2, 10, "done", 1005))
    yield "values in the wrong order", ("counter.order",), counted(
        (2, 10, "done", 1000), (1, 10, "done", 1011))
    yield "values of updates that overlap", (), counted((2, 10, "done", 1000),
                                                        (1, 10, "done", 1010))
    yield "a gap that an unknown explains", (), counted(
        (1, 10, "done", 1000), (0, 10, "unknown", 1100), (3, 10, "done", 1200))
    yield "a gap that a killed process explains", (), counted(
        (1, 11, "done", 1000), (3, 11, "done", 1200), killed=True)
    yield "a refused update that counted", ("counter.missing",), counted(
        (1, 10, "done", 1000), (0, 10, "refused", 1100), (3, 10, "done", 1200))
    yield "a failed update that counted", ("counter.missing",), counted(
        (0, 10, "failed", 1000), (2, 10, "done", 1200))


TWO = ((1, 10, "done", 1000), (2, 10, "done", 1100))
THREE = (*TWO, (3, 10, "done", 1600))
GOES_ON = ((3, 11, "done", 4300), (4, 11, "done", 4400))


def promotion_cases() -> Iterator[Case]:
    yield "a promotion that loses a value", (), continued(THREE, GOES_ON)
    yield "a promotion that loses none", (), continued(TWO, GOES_ON, lost=0)
    yield "a token that was lost comes back", (), continued(
        (*TWO, (3, 11, "done", 1600)), ((3, 10, "done", 4300), *GOES_ON[1:]))
    yield "a loss of what the standby had", ("counter.lost",), continued(THREE, GOES_ON, since=1610)
    yield "a loss where nothing is lost", ("counter.lost",), continued(THREE, GOES_ON, lost=0)
    yield "a standby that is older than its timeline", ("counter.lost",), twice(2, 1)
    yield "a second promotion", (), twice(2, 3)
    yield "a standby with a value that nobody made", ("counter.missing",), continued(
        TWO, ((5, 11, "done", 4300),), value=4)
    yield "a standby with a value of unknown outcome", (), continued(
        (*TWO, (0, 10, "unknown", 1700)), ((4, 11, "done", 4300),), value=3)
    yield "a standby with a value of another token", ("counter.begin",), continued(
        THREE, GOES_ON, token=9)
    yield "a value that the standby had already", ("counter.begin",), continued(
        THREE, ((2, 11, "done", 4300), (3, 11, "done", 4400)))
    yield "a value made twice after a promotion", ("counter.twice",), continued(
        THREE, (*GOES_ON, (4, 11, "done", 4500)))
    yield "a gap that was unknown before the promotion", ("counter.missing",), continued(
        (*TWO, (0, 10, "unknown", 3900)), ((4, 11, "done", 4300),))
    yield "a gap that was unknown after the promotion", (), continued(
        TWO, ((0, 11, "unknown", 4210), (4, 11, "done", 4300)))
    yield "a gap of one killed after the promotion", (), continued(
        TWO, ((4, 11, "done", 4300),), killed=True)
    book = continued(TWO, ((4, 11, "done", 4300),))
    book.pages[0].lines = [line for line in book.pages[0].lines if line.get("t", 0) < 3500 * MS]
    yield "a gap of one killed before the promotion", ("counter.missing",), book
    yield "a fence that the standby had", ("counter.token_back",), continued(
        (*TWO, (3, 11, "done", 1400)), ((4, 10, "done", 4300),), value=3, token=11)
    yield "a write to the primary that died", ("counter.timeline",), continued(
        (*TWO, (3, 10, "done", 4001)), GOES_ON)
    yield "an answer of the primary that died", (), continued(
        (*TWO, (3, 10, "done", 3999)), GOES_ON)
    yield "a write to the standby", ("counter.timeline",), continued(
        TWO, ((3, 11, "done", 4189),), lost=0)
    yield "a timeline that nobody knows", ("counter.timeline",), continued(
        TWO, GOES_ON[:1], begins=3)


def twice(first: int, second: int) -> Book:
    """Two promotions, with the values from which they go on."""
    book = continued(TWO, (), value=first)
    book.promotion(3, 4300 * MS, 6000 * MS, 6100 * MS, value=second, token=10, lost=1)
    if second > first:
        book.pages[1].add("counter", a=5000 * MS, b=5001 * MS, token=11, outcome="unknown")
    return book


def cases() -> Iterator[Case]:
    yield from counter_cases()
    yield from promotion_cases()
