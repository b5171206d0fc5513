"""Small histories of streams, views, removals and recovery: each breaks one rule, or nearly."""

from typing import Iterator

from selftest.book import MS, SECOND, Book, member
from selftest.planted_leadership import Case, Pair


def stream_cases() -> Iterator[Case]:
    def streamed(got: tuple[int, ...] = (1, 2, 3), sent: int = 3, acked: int = 3,
                 acked_at: int = 2500, outcome: str = "good", ends: tuple[int, int] = (1, 1),
                 tokens: tuple[int, ...] = (10,), first: int = 2100) -> Pair:
        """From n2 to n1; the n-th message arrives n times 10 ms after the first."""
        pair = Pair()
        pair.two.add("stream", id="n2-1-7", kind="leader", to="", t=2000 * MS)
        for n in range(1, sent + 1):
            pair.two.add("sent", id="n2-1-7", n=n, t=(2050 + n) * MS)
        for i, n in enumerate(got):
            pair.one.add("got", id="n2-1-7", n=n, token=tokens[i % len(tokens)],
                         t=(first + 10 * n) * MS)
        if acked:
            pair.two.add("acked", id="n2-1-7", n=acked, t=acked_at * MS)
        for _ in range(ends[0]):
            pair.two.add("ended", id="n2-1-7", side="opener", outcome=outcome, t=4000 * MS)
        for _ in range(ends[1]):
            pair.one.add("ended", id="n2-1-7", side="acceptor", outcome=outcome, t=4000 * MS)
        return pair

    def offered_twice(pair: Pair) -> Book:
        pair.one.add("ended", id="n2-1-7", side="acceptor", outcome="outcome unknown",
                     t=2090 * MS)
        return pair.end()

    yield "a stream", (), streamed().end()
    yield "a stream that breaks", (), streamed((1, 2), acked=1, outcome="cancelled").end()
    yield "messages in the wrong order", ("streams.order",), streamed((1, 3, 2)).end()
    yield "a message twice", ("streams.order",), streamed((1, 2, 2)).end()
    yield "a message behind a gap", ("streams.order",), streamed((1, 3), acked=1,
                                                                 outcome="cancelled").end()
    yield "a message that nobody sent", ("streams.invented",), streamed((1, 2, 3, 4)).end()
    yield "a good end without the last message", ("streams.good",), streamed(
        (1, 2), acked=2).end()
    yield "an acknowledgement at the edge", (), streamed(acked_at=2130).end()
    yield "an early acknowledgement", ("streams.acked",), streamed(acked_at=2129).end()
    yield "an acknowledgement of what was not consumed", ("streams.acked",), streamed(
        (1, 2), outcome="cancelled").end()
    pair = streamed()
    pair.two.add("acked", id="n2-1-7", n=2, t=2600 * MS)
    yield "an acknowledgement that goes back", ("streams.acked_back",), pair.end()
    yield "a stream without its opener's end", ("streams.ends",), streamed(ends=(0, 1)).end()
    yield "a stream of two ends", ("streams.ends",), streamed(ends=(1, 2)).end()
    yield "a stream that is offered twice", (), offered_twice(streamed())
    yield "a stream without its acceptor's end", ("streams.ends",), streamed(ends=(1, 0)).end()
    pair = streamed(ends=(0, 1), outcome="cancelled")
    pair.end()
    del pair.two.lines[-2:]
    yield "a stream whose opener was killed", (), pair.book
    yield "a stream of two tokens", ("streams.two_tokens",), streamed(tokens=(10, 12, 10)).end()
    yield "a stream under another's token", ("streams.token_of_another",), streamed(
        tokens=(11,)).end()
    yield "a message within the grain", (), streamed(first=3300, acked=0).end()
    yield "a message long after the loss", ("streams.late_message",), streamed(
        first=3500, acked=0).end()
    yield "a stream never taken that was", ("streams.not_executed",), streamed(
        outcome="no leader known", acked=0).end()
    pair = streamed()
    pair.two.add("got", id="n2-1-7", n=1, token=11, t=3200 * MS)
    pair.two.add("ended", id="n2-1-7", side="acceptor", outcome="cancelled", t=4 * SECOND)
    yield "a stream of two acceptors", ("streams.two_acceptors",), pair.end()
    pair = Pair()
    pair.one.add("got", id="n2-1-9", n=1, token=10, t=2 * SECOND)
    yield "a stream of nobody", ("streams.of_nobody",), pair.end()
    pair = streamed()
    pair.two.add("stream", id="n2-1-7", kind="leader", to="", t=2000 * MS)
    yield "an id of two streams", ("streams.id_twice",), pair.end()


ONE, TWO, THREE, FOUR = (member(f"n{i}") for i in range(1, 5))


def view_cases() -> Iterator[Case]:
    def viewed(second: list[str], *removed: tuple[str, str], third: list[str] | None = None,
               other: list[str] | None = None, told: bool = False) -> Book:
        """First one, two, three; n1 tells all of it, n2 the second or another of the same id."""
        pair = Pair()
        if told:
            pair.book.page("n3").joined(1000 * MS)
        for page in (pair.one, pair.two):
            page.view(1500 * MS, 10, 5, [ONE, TWO, THREE])
        pair.one.view(2000 * MS, 10, 6, second, *removed)
        pair.two.view(2001 * MS, 10, 6, other if other is not None else second, *removed)
        if third is not None:
            pair.two.view(3200 * MS, 11, 7, third, *removed)
        return pair.end()

    gone = (THREE, "silent")
    yield "views", (), viewed([ONE, TWO], gone, third=[ONE, TWO, FOUR])
    yield "views of two contents", ("views.two_contents",), viewed(
        [ONE, TWO], gone, other=[TWO, ONE])
    yield "a member that is lost", ("views.lost",), viewed([ONE, TWO])
    yield "one that a new leader loses", ("views.lost",), viewed(
        [ONE, TWO, THREE], third=[ONE, TWO])
    yield "members that change places", ("views.order",), viewed([TWO, ONE], gone)
    yield "one that comes back", ("views.came_back",), viewed(
        [ONE, TWO], gone, third=[ONE, TWO, THREE], told=True)
    yield "one that comes back and never knew that it was there", (), viewed(
        [ONE, TWO], gone, third=[ONE, TWO, THREE])
    yield "one that comes back as another", (), viewed(
        [ONE, TWO], gone, third=[ONE, TWO, member("n3", 2)])
    yield "a name twice", ("views.name_twice",), viewed(
        [ONE, TWO, THREE, member("n3", 2)])
    pair = Pair()
    pair.one.view(1500 * MS, 10, 6, [ONE, TWO])
    pair.one.view(1600 * MS, 10, 6, [ONE, TWO])
    yield "a view that goes back", ("views.back",), pair.end()
    pair = Pair()
    pair.one.view(1500 * MS, 10, 6, [ONE, TWO, THREE])
    pair.one.view(1600 * MS, 10, 7, [ONE, TWO], gone)
    pair.two.view(1600 * MS, 10, 8, [ONE, TWO], (THREE, "replaced"))
    yield "two reasons for one removal", ("views.two_reasons",), pair.end()


def removal_cases() -> Iterator[Case]:
    def removed(reason: str, ends: int = 30 * SECOND, pause: tuple[int, int] | None = None,
                fault: dict | None = None, stops: int = 0, young: bool = False) -> Book:
        """Four members; at 20 s n1 removes n4, which lives to its end, and was seen from 1 s on."""
        book = Book()
        pages = [book.page(f"n{i}") for i in range(1, 5)]
        for page in pages:
            page.joined(500 * MS)
            last = ends if page.node == "n4" else 30 * SECOND
            page.pulses(100 * MS, last, *([pause] if pause and page.node == "n4" else []))
            if not young or page.node != "n4":
                page.view(1 * SECOND, 10, 1, [ONE, TWO, THREE, FOUR][:3 if young else 4])
            if young:
                page.view(18 * SECOND, 10, 2, [ONE, TWO, THREE, FOUR])
        pages[0].act(10, 900 * MS, 901 * MS)
        for page in pages[:3]:
            page.view(20 * SECOND, 10, 3, [ONE, TWO, THREE], (FOUR, reason))
        if fault:
            book.fault(**fault)
        if stops:
            pages[3].stop(stops)
        for page in pages[:3]:
            page.stop(30 * SECOND)
        return book

    window = 20_000 - 15 * 300 - 500  # ms: when what happened before it counts no more
    yield "a silent one that was paused", (), removed(
        "silent", pause=(18 * SECOND, 21 * SECOND))
    yield "a healthy one", ("evictions.healthy",), removed("silent")
    yield "one that was paused long ago", ("evictions.healthy",), removed(
        "silent", pause=(10 * SECOND, (window - 200) * MS))
    yield "a silent one that is gone", (), removed("silent", ends=19 * SECOND)
    yield "a newcomer", (), removed("silent", young=True)
    cut = {"kind": "cut", "nodes": ["n4"], "t": 18 * SECOND, "until": 22 * SECOND}
    yield "a silent one that was cut off", (), removed("silent", fault=cut)
    yield "one that only one could not reach", ("evictions.healthy",), removed(
        "silent", fault=cut | {"nodes": ["n3", "n4"], "pairs": [["n3", "n4"]]})
    # Half a second, and TCP's wait, count as disturbed, too.
    yield "one that was cut off long ago", ("evictions.healthy",), removed(
        "silent", fault=cut | {"t": (window - 2501) * MS, "until": (window - 1501) * MS})
    yield "one that was cut off a while ago", (), removed(
        "silent", fault=cut | {"t": (window - 2499) * MS, "until": (window - 1499) * MS})
    yield "one beside a database that is killed", ("evictions.healthy",), removed(
        "silent", fault=cut | {"kind": "database_kill", "nodes": []})
    yield "a crashed one", (), removed("crashed", ends=19900 * MS)
    yield "a crashed one that lives", ("evictions.crashed",), removed("crashed")
    yield "one that left", (), removed("left", ends=19900 * MS, stops=19900 * MS)
    yield "one that did not", ("evictions.left",), removed("left")
    yield "one that was replaced", (), removed("replaced", ends=19900 * MS)
    yield "one that was replaced and answers", ("evictions.replaced",), removed("replaced")


def recovery_cases() -> Iterator[Case]:
    def recovered(act: int = 12_000, view: int = 12_000, members: tuple[str, ...] = (ONE, TWO),
                  lives: int = 2, bound: int = 10_000) -> Book:
        """Healed at 10 s."""
        book = Book(recovery_ms=bound)
        for i in range(lives):
            page = book.page(f"n{i + 1}")
            page.joined(500 * MS)
            page.pulses(100 * MS, 30 * SECOND)
            page.view(1 * SECOND, 10, 1, [ONE, TWO])
            page.view(9 * SECOND, 10, 2, [ONE], (TWO, "silent")) if i == 0 else None
            page.view((view + i) * MS, 12, 3, list(members), (TWO, "silent"))
            if i == 1:
                page.joined(9500 * MS, 2)
            if i == 0:
                page.act(10, 5 * SECOND, 5 * SECOND + 1)
                page.act(12, act * MS, act * MS + 1)
            page.stop(30 * SECOND)
        book.fault("cut", ["n2"], 5 * SECOND, 9 * SECOND)
        book.happened("healed", 10 * SECOND)
        book.happened("end", 31 * SECOND)
        return book

    late = 20_001
    both = (ONE, member("n2", 2))
    yield "a recovery", (), recovered(members=both)
    yield "a recovery at the edge", (), recovered(act=20_000, view=19_999, members=both)
    yield "no leader in time", ("recovery.no_leader",), recovered(act=late, members=both)
    yield "no view in time", ("recovery.view",), recovered(view=late, members=both)
    yield "a view of too few", ("recovery.view",), recovered(members=(ONE,))
    yield "a view of too many", ("recovery.view",), recovered(members=(*both, THREE))
    yield "nobody", ("recovery.nobody", "recovery.no_leader"), recovered(lives=0)


def cases() -> Iterator[Case]:
    for some in (stream_cases, view_cases, removal_cases, recovery_cases):
        yield from some()
