"""Ways to break an honest history, each of which the checker must see.

A break gets a history of its own, changes a few lines, and says which rule must be among those that
are found broken. None: this history has nothing that could be broken so.
"""

import random
from typing import Callable

from history import Record
from selftest.book import MS, SECOND, Book, Page

Break = Callable[[Book, random.Random], str | None]
Line = tuple[Page, Record]

BREAKS: dict[str, Break] = {}


def breaks(act: Break) -> Break:
    BREAKS[act.__name__.replace("_", " ")] = act
    return act


def lines(book: Book, kind: str, /, **wanted) -> list[Line]:
    return [(page, line) for page in book.pages for line in page.lines if line["e"] == kind
            and all(line.get(name) == value for name, value in wanted.items())]


def after(page: Page, line: Record, kind: str, /, **fields) -> None:
    page.lines.insert(page.lines.index(line) + 1, {"e": kind, **fields})


def tenures(book: Book) -> list[tuple[int, Page, int, int]]:
    """(token, page, end of the first act, begin of the last), in the order of the tokens."""
    found: dict[int, tuple[int, Page, int, int]] = {}
    for page, line in lines(book, "act"):
        token, a, b = line["token"], line["a"], line["b"]
        _, _, first, last = found.get(token, (token, page, b, a))
        found[token] = token, page, min(first, b), max(last, a)
    return [found[token] for token in sorted(found)]


def two_tenures(book: Book, rng: random.Random):
    all_of_them = tenures(book)
    if len(all_of_them) < 2:
        return None
    at = rng.randrange(len(all_of_them) - 1)
    return all_of_them[at], all_of_them[at + 1]


def ran(page: Page, begin: int, end: int) -> bool:
    pulses = sorted(line["t"] for line in page.lines if line["e"] == "pulse")
    inside = [t for t in pulses if begin - 200 * MS <= t <= end + 200 * MS]
    return bool(inside) and inside[0] <= begin and inside[-1] >= end and all(
        b - a < 250 * MS for a, b in zip(inside, inside[1:]))


@breaks
def an_act_after_the_successors(book: Book, rng: random.Random) -> str | None:
    pair = two_tenures(book, rng)
    if pair is None:
        return None
    (token, page, _, _), (_, _, first, _) = pair
    page.act(token, first + 1, first + 20)
    return "acts.overlap"


@breaks
def an_act_under_anothers_token(book: Book, rng: random.Random) -> str | None:
    page, line = rng.choice(lines(book, "act"))
    other = rng.choice([one for one in book.pages if one is not page])
    other.act(line["token"], line["a"], line["b"])
    return "acts.token_of_two"


@breaks
def an_act_after_its_loss(book: Book, rng: random.Random) -> str | None:
    page, line = rng.choice(lines(book, "lost"))
    page.act(line["token"], line["t"] + 1, line["t"] + 2)
    return "acts.after_loss"


@breaks
def a_loss_that_is_not_told(book: Book, rng: random.Random) -> str | None:
    found = [(page, line) for page, line in lines(book, "lost")
             if any(other["e"] == "led" and other["t"] > line["t"] for other in page.lines)]
    if not found:
        return None
    page, line = rng.choice(found)
    page.lines.remove(line)
    return "acts.loss_untold"


@breaks
def a_lost_token_that_comes_back(book: Book, rng: random.Random) -> str | None:
    page, line = rng.choice(lines(book, "lost"))
    after(page, line, "led", t=line["t"] + 1, token=line["token"])
    return "acts.back_after_loss"


@breaks
def a_loss_that_is_told_late(book: Book, rng: random.Random) -> str | None:
    firsts = [(token, first) for token, _, first, _ in tenures(book)]
    for page, line in rng.sample(found := lines(book, "lost"), len(found)):
        later = [first for token, first in firsts if token > line["token"]]
        if later and ran(page, min(later), min(later) + 400 * MS):
            line["t"] = min(later) + 350 * MS
            return "acts.late_loss"
    return None


@breaks
def a_stale_write_without_a_pause(book: Book, rng: random.Random) -> str | None:
    pages = {token: page for token, page, _, _ in tenures(book)}
    greatest = 0
    for at, (token, node, t) in enumerate(book.acts):
        if token > greatest > 0 and greatest in pages and ran(pages[greatest], t - 400 * MS, t):
            book.acts.insert(at + 1, (greatest, pages[greatest].node, t - 310 * MS))
            return "acts.late_write"
        greatest = max(token, greatest)
    return None


def neighbours(book: Book) -> list[tuple[Record, Record]]:
    """Updates of one timeline with the next greater value that anybody has told of."""
    done = [line for _, line in lines(book, "counter", outcome="done")]
    done.sort(key=lambda line: (line["timeline"], line["value"]))
    return [(one, other) for one, other in zip(done, done[1:])
            if one["timeline"] == other["timeline"]]


@breaks
def a_value_made_twice(book: Book, rng: random.Random) -> str | None:
    one, other = rng.choice(neighbours(book))
    one["value"] = other["value"]
    return "counter.twice"


@breaks
def a_fence_that_lets_one_through(book: Book, rng: random.Random) -> str | None:
    borders = [(one, other) for one, other in neighbours(book) if one["token"] < other["token"]]
    if not borders:
        return None
    one, other = rng.choice(borders)
    one["value"], other["value"] = other["value"], one["value"]
    return "counter.token_back"


@breaks
def updates_in_the_wrong_order(book: Book, rng: random.Random) -> str | None:
    near = [(one, other) for one, other in neighbours(book)
            if one["token"] == other["token"] and one["b"] < other["a"]]
    one, other = rng.choice(near)
    one["value"], other["value"] = other["value"], one["value"]
    return "counter.order"


def promotions(book: Book) -> list[Record]:
    return [line for line in book.nemesis if line["e"] == "promotion"]


@breaks
def a_loss_of_what_the_standby_had(book: Book, rng: random.Random) -> str | None:
    one = rng.choice(promotions(book))
    lost = [line for _, line in lines(book, "counter", outcome="done", timeline=one["ends"])
            if line["value"] > one["value"] and line["b"] < one["killed"]]
    if not lost:
        return None
    one["since"] = rng.choice(lost)["b"]
    return "counter.lost"


@breaks
def a_value_that_was_lost_goes_on(book: Book, rng: random.Random) -> str | None:
    one = rng.choice(promotions(book))
    done = lines(book, "counter", outcome="done", timeline=one["begins"])
    for _, line in done:
        line["value"] += 50
    return "counter.missing" if done else None


@breaks
def a_write_to_a_primary_that_died(book: Book, rng: random.Random) -> str | None:
    one = rng.choice(promotions(book))
    _, line = rng.choice(lines(book, "counter", outcome="done", timeline=one["ends"]))
    line["a"], line["b"] = one["killed"] + 1, one["killed"] + 9 * MS
    return "counter.timeline"


@breaks
def updates_that_counted_though_refused(book: Book, rng: random.Random) -> str | None:
    for _, line in rng.sample(lines(book, "counter", outcome="done"), 50):
        line["outcome"] = "refused"
    return "counter.missing"


@breaks
def a_reply_without_an_execution(book: Book, rng: random.Random) -> str | None:
    _, answer = rng.choice(lines(book, "answer", outcome="replied"))
    for page in book.pages:
        page.lines = [line for line in page.lines
                      if line["e"] != "executed" or line["id"] != answer["id"]]
    return "calls.replied"


@breaks
def an_execution_at_one_member_that_is_missing(book: Book, rng: random.Random) -> str | None:
    page, line = rng.choice(lines(book, "executed", token=0))
    page.lines.remove(line)
    return "calls.replied"


@breaks
def an_execution_twice(book: Book, rng: random.Random) -> str | None:
    page, line = rng.choice(lines(book, "executed"))
    page.lines.insert(page.lines.index(line), dict(line))
    return "calls.executed_twice"


@breaks
def an_execution_at_two(book: Book, rng: random.Random) -> str | None:
    page, line = rng.choice([one for one in lines(book, "executed") if one[1]["token"]])
    other = rng.choice([one for one in book.pages if one is not page])
    other.lines.append(dict(line))
    return "calls.executed_twice"


@breaks
def not_executed_that_was(book: Book, rng: random.Random) -> str | None:
    _, line = rng.choice(lines(book, "answer", outcome="replied"))
    line["outcome"] = "not_executed"
    return "calls.not_executed"


@breaks
def unknown_told_as_not_executed(book: Book, rng: random.Random) -> str | None:
    executed = {line["id"] for _, line in lines(book, "executed") if line["token"]}
    found = [line for _, line in lines(book, "answer", outcome="unknown")
             if line["id"] in executed]
    if not found:
        return None
    rng.choice(found)["outcome"] = "not_executed"
    return "calls.not_executed"


def of_stopped(found: list[Line]) -> list[Line]:
    return [(page, line) for page, line in found
            if any(other["e"] == "stopped" for other in page.lines)]


@breaks
def an_answer_that_is_missing(book: Book, rng: random.Random) -> str | None:
    sends = {line["id"] for _, line in lines(book, "call", kind="send")}
    page, line = rng.choice([one for one in of_stopped(lines(book, "answer"))
                             if one[1]["id"] in sends])
    page.lines.remove(line)
    return "calls.outcomes"


@breaks
def an_answer_too_many(book: Book, rng: random.Random) -> str | None:
    page, line = rng.choice(lines(book, "answer"))
    page.lines.insert(page.lines.index(line), dict(line))
    return "calls.outcomes"


@breaks
def a_broadcast_without_an_end(book: Book, rng: random.Random) -> str | None:
    page, line = rng.choice(of_stopped(lines(book, "done")))
    page.lines.remove(line)
    return "calls.outcomes"


@breaks
def a_call_that_nobody_made(book: Book, rng: random.Random) -> str | None:
    page, line = rng.choice(lines(book, "call"))
    page.lines.remove(line)
    return "calls.of_nobody"


@breaks
def an_execution_after_its_answer(book: Book, rng: random.Random) -> str | None:
    _, line = rng.choice(lines(book, "executed"))
    replied = {one["id"] for _, one in lines(book, "answer", outcome="replied")}
    line["a"] = line["b"] = line["b"] + 1000
    return "calls.replied" if line["id"] in replied else None


@breaks
def an_execution_long_after_the_loss(book: Book, rng: random.Random) -> str | None:
    pair = two_tenures(book, rng)
    if pair is None or not ran(pair[0][1], pair[1][2], pair[1][2] + SECOND):
        return None
    (token, page, _, _), (_, _, first, _) = pair
    late = first + 350 * MS
    book.pages[0].add("call", id="x", kind="send", t=late - 1)
    book.pages[0].add("answer", id="x", t=late + 9, outcome="unknown")
    page.add("executed", id="x", token=token, a=late, b=late + 1)
    return "calls.late_execution"


@breaks
def a_message_that_is_missing(book: Book, rng: random.Random) -> str | None:
    page, line = rng.choice(lines(book, "got", n=1))
    page.lines.remove(line)
    followed = any(one["id"] == line["id"] for _, one in lines(book, "got"))
    return "streams.order" if followed else None


@breaks
def messages_that_change_places(book: Book, rng: random.Random) -> str | None:
    _, one = rng.choice(lines(book, "got", n=2))
    _, other = lines(book, "got", n=1, id=one["id"])[0]
    one["n"], other["n"] = 1, 2
    return "streams.order"


@breaks
def a_message_twice(book: Book, rng: random.Random) -> str | None:
    page, line = rng.choice(lines(book, "got"))
    page.lines.insert(page.lines.index(line), dict(line))
    return "streams.order"


@breaks
def a_message_at_another_node(book: Book, rng: random.Random) -> str | None:
    page, line = rng.choice(lines(book, "got", n=1))
    other = rng.choice([one for one in book.pages if one is not page])
    other.lines.append(dict(line))
    return "streams.two_acceptors"


@breaks
def an_acknowledgement_of_too_much(book: Book, rng: random.Random) -> str | None:
    found = lines(book, "acked")
    page, line = rng.choice(found)
    got = max(one["n"] for _, one in lines(book, "got", id=line["id"]))
    last = [one for one in found if one[1]["id"] == line["id"]][-1]
    last[1]["n"] = got + 1
    return "streams.acked"


@breaks
def an_acknowledgement_too_early(book: Book, rng: random.Random) -> str | None:
    _, line = rng.choice(lines(book, "acked"))
    _, got = lines(book, "got", id=line["id"], n=line["n"])[0]
    line["t"] = got["t"] - 1
    return "streams.acked"


@breaks
def the_last_message_of_a_good_stream_lost(book: Book, rng: random.Random) -> str | None:
    _, end = rng.choice(lines(book, "ended", outcome="good"))
    page, line = max(lines(book, "got", id=end["id"]), key=lambda one: one[1]["n"])
    page.lines.remove(line)
    return "streams.good"


@breaks
def an_end_that_is_missing(book: Book, rng: random.Random) -> str | None:
    page, line = rng.choice(of_stopped(lines(book, "ended")))
    page.lines.remove(line)
    return "streams.ends"


@breaks
def an_end_too_many(book: Book, rng: random.Random) -> str | None:
    page, line = rng.choice(lines(book, "ended"))
    page.lines.append(dict(line))
    return "streams.ends"
