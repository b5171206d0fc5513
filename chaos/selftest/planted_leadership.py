"""Small histories of leadership and messages: each breaks one rule, or nearly."""

from typing import Iterator

from selftest.book import MS, SECOND, Book, Page, member

Case = tuple[str, tuple[str, ...], Book]  # a name, the rules that are broken, the history


class Pair:
    """n1 leads under token 10 from 1 s to 3 s, n2 under 11 from 3.1 s; both run for 10 s."""

    def __init__(self, *pauses: tuple[int, int], told: bool = True):
        self.book = Book()
        self.one = self.book.page("n1")
        self.two = self.book.page("n2")
        self.one.joined(100 * MS)
        self.two.joined(100 * MS)
        self.one.pulses(100 * MS, 10 * SECOND, *pauses)
        self.two.pulses(100 * MS, 10 * SECOND)
        self.one.add("led", t=1 * SECOND, token=10)
        self.one.act(10, 1 * SECOND, 1 * SECOND + 5)
        self.one.act(10, 2900 * MS, 2900 * MS + 5)
        if told:
            self.one.add("lost", t=3 * SECOND, token=10)
        self.two.add("led", t=3100 * MS, token=11)
        self.two.act(11, 3100 * MS + 10, 3100 * MS + 20)
        self.two.act(11, 5 * SECOND, 5 * SECOND + 10)

    def end(self) -> Book:
        self.one.stop(10 * SECOND)
        self.two.stop(10 * SECOND)
        return self.book


def acts_cases() -> Iterator[Case]:
    yield "a change of leaders", (), Pair().end()
    for name, a, rules in (("at the edge", 3100 * MS, ()), ("after the gain", 3100 * MS + 1,
                                                           ("acts.after_gain",)),
                           ("after an act", 3100 * MS + 21, ("acts.overlap",))):
        pair = Pair(told=False)
        pair.one.act(10, a, a + 50)
        yield f"an act of a lower token {name}", rules, pair.end()
    pair = Pair()
    pair.one.act(10, 3 * SECOND, 3 * SECOND + 9)
    yield "an act that began when the loss was told", (), pair.end()
    pair = Pair()
    pair.one.act(10, 3 * SECOND + 1, 3 * SECOND + 9)
    yield "an act after the loss", ("acts.after_loss",), pair.end()
    pair = Pair()
    pair.two.act(10, 2 * SECOND, 2 * SECOND + 9)
    yield "a token of two nodes", ("acts.token_of_two",), pair.end()
    pair = Pair()
    again = pair.book.page("n2", 2, 11 * SECOND)
    again.act(11, 12 * SECOND, 12 * SECOND + 1)
    yield "a token of two lives", ("acts.token_of_two",), pair.end()
    pair = Pair()
    pair.one.add("led", t=3050 * MS, token=10)
    yield "a lost token that comes back", ("acts.back_after_loss",), pair.end()
    pair = Pair()
    pair.two.add("led", t=6 * SECOND, token=11)
    yield "a suspended token that comes back", (), pair.end()
    for name, act, rules in (("before", 6 * SECOND, ()),
                             ("while", 6 * SECOND + 1, ("acts.while_suspended",)),
                             ("as good as back from being", 6700 * MS, ())):
        pair = Pair()
        pair.two.add("suspended", t=6 * SECOND, token=11)
        pair.two.add("led", t=7 * SECOND, token=11)
        pair.two.act(11, act, act + 5)
        yield f"an act {name} suspended", rules, pair.end()
    pair = Pair()
    pair.two.add("led", t=7 * SECOND, token=13)
    yield "a loss that was never told", ("acts.loss_untold",), pair.end()
    pair = Pair()
    pair.two.add("lost", t=6 * SECOND, token=11)
    pair.two.add("led", t=7 * SECOND, token=9)
    yield "a token that goes back", ("acts.token_back", "acts.late_gain"), pair.end()


def late_cases() -> Iterator[Case]:
    for name, lost, pause, rules in (
            ("within the grain", 3400 * MS, None, ()),
            ("without a pause", 3500 * MS, None, ("acts.late_loss",)),
            ("after a pause", 4500 * MS, (2950 * MS, 4500 * MS), ()),
            ("long after a pause", 4500 * MS, (2000 * MS, 3050 * MS), ("acts.late_loss",))):
        pair = Pair(*([pause] if pause else []), told=False)
        pair.one.add("lost", t=lost, token=10)
        yield f"a loss told late {name}", rules, pair.end()
    pair = Pair(told=False)
    pair.one.add("suspended", t=2950 * MS, token=10)
    pair.one.add("lost", t=6 * SECOND, token=10)
    yield "a loss told late to one that was suspended", (), pair.end()
    for name, t, pause, rules in (
            ("without a pause", 2950 * MS, None, ("acts.late_write",)),
            ("after a pause", 2950 * MS, (2960 * MS, 4600 * MS), ()),
            ("that crossed another", 3090 * MS, None, ())):
        pair = Pair(*([pause] if pause else []))
        pair.book.acts = [(10, "n1", 1 * SECOND), (11, "n2", 3300 * MS), (10, "n1", t)]
        yield f"a stale write {name}", rules, pair.end()
    pair = Pair()
    pair.book.acts = [(10, "n1", 1 * SECOND), (10, "n2", 2 * SECOND)]
    yield "a token of two writers", ("acts.token_of_two",), pair.end()


def send(caller: Page, name: str, t: int, *answers: tuple[str, int], by: str = "") -> None:
    caller.add("call", id=name, kind="send", t=t)
    for outcome, at in answers:
        caller.add("answer", id=name, t=at, outcome=outcome, **({"by": by} if by else {}))


def send_cases() -> Iterator[Case]:
    def sent(*answers: tuple[str, int], executed: tuple[int, ...] = (), by: str = "",
             token: int = 10) -> Pair:
        pair = Pair()
        send(pair.two, "n2-1-1", 2000 * MS, *answers, by=by)
        for at in executed:
            pair.one.add("executed", id="n2-1-1", token=token, a=at, b=at + 10)
        return pair

    at, later = 2100 * MS, 2100 * MS + 10
    yield "a send", (), sent(("replied", later), executed=(at,), by=member("n1")).end()
    yield "a send before its call", ("calls.before_call",), sent(
        ("replied", later), executed=(2000 * MS - 11,)).end()
    yield "a send replied early", ("calls.replied",), sent(
        ("replied", later - 1), executed=(at,)).end()
    yield "a send replied by another", ("calls.replied",), sent(
        ("replied", later), executed=(at,), by=member("n2")).end()
    yield "a send replied and not executed", ("calls.replied",), sent(("replied", later)).end()
    yield "a send that was not executed", (), sent(("not_executed", later)).end()
    yield "one that was, later", ("calls.not_executed",), sent(
        ("not_executed", later), executed=(9 * SECOND // 4,)).end()
    yield "an unknown send that was executed", (), sent(("unknown", later), executed=(at,)).end()
    yield "a send executed twice", ("calls.executed_twice",), sent(
        ("unknown", later), executed=(at, at + 50)).end()
    yield "a send of two outcomes", ("calls.outcomes",), sent(
        ("unknown", later), ("unknown", later)).end()
    yield "a send of no outcome", ("calls.outcomes",), sent().end()
    pair = sent()
    pair.end()
    del pair.two.lines[-2:]
    yield "a send of no outcome of a killed process", (), pair.book
    yield "a send without a token", ("calls.without_token",), sent(
        ("replied", later), executed=(at,), token=0).end()
    for name, t, rules in (("within the grain", 3300 * MS, ()),
                           ("without a pause", 3500 * MS, ("calls.late_execution",))):
        yield f"a send executed late {name}", rules, sent(
            ("replied", t + 10), executed=(t,)).end()
    pair = sent(("replied", later), executed=(at,))
    send(pair.two, "n2-1-1", 2000 * MS)
    yield "an id of two sends", ("calls.id_twice",), pair.end()
    pair = Pair()
    pair.one.add("executed", id="n2-1-1", token=10, a=at, b=later)
    yield "a send of nobody", ("calls.of_nobody",), pair.end()


def broadcast_cases() -> Iterator[Case]:
    def told(one: str, two: str, executed: tuple[int, int] = (1, 1), done: int = 1) -> Pair:
        pair = Pair()
        pair.one.add("call", id="n1-1-1", kind="broadcast", t=2000 * MS)
        for page, times in zip((pair.one, pair.two), executed):
            for _ in range(times):
                page.add("executed", id="n1-1-1", token=0, a=2010 * MS, b=2011 * MS)
        for node, outcome in (("n1", one), ("n2", two)):
            pair.one.add("answer", id="n1-1-1", t=2020 * MS, outcome=outcome, by=member(node))
        for _ in range(done):
            pair.one.add("done", id="n1-1-1", t=2030 * MS)
        return pair

    yield "a broadcast", (), told("replied", "replied").end()
    yield "a broadcast that one did not execute", (), told(
        "replied", "not_executed", executed=(1, 0)).end()
    yield "a broadcast that one did", ("calls.not_executed",), told(
        "replied", "not_executed").end()
    yield "a broadcast replied by one that did not", ("calls.replied",), told(
        "replied", "replied", executed=(1, 0)).end()
    yield "a broadcast executed twice at one", ("calls.executed_twice",), told(
        "replied", "unknown", executed=(1, 2)).end()
    yield "a broadcast without an end", ("calls.outcomes",), told(
        "replied", "replied", done=0).end()
    yield "a broadcast of two ends", ("calls.outcomes",), told("replied", "replied", done=2).end()
    pair = told("replied", "replied", done=1)
    pair.one.add("answer", id="n1-1-1", t=2040 * MS, outcome="replied", by=member("n2"))
    yield "an answer after the end", ("calls.outcomes",), pair.end()


def cases() -> Iterator[Case]:
    for some in (acts_cases, late_cases, send_cases, broadcast_cases):
        yield from some()
