"""More ways to break an honest history: views, removals, recovery."""

import random

from selftest.book import MS, SECOND, Book, Page
from selftest.breaks import breaks, lines


def shared_views(book: Book) -> dict[tuple[int, int], list]:
    """Those that several have seen."""
    found: dict[tuple[int, int], list] = {}
    for _, line in lines(book, "view"):
        found.setdefault((line["token"], line["seq"]), []).append(line)
    return {key: seen for key, seen in found.items() if len(seen) > 1 and len(
        seen[0]["members"]) > 1}


@breaks
def a_view_of_two_contents(book: Book, rng: random.Random) -> str:
    seen = rng.choice(list(shared_views(book).values()))
    rng.choice(seen)["members"].pop()
    return "views.two_contents"


@breaks
def members_in_another_order(book: Book, rng: random.Random) -> str:
    views = shared_views(book)
    for line in views[rng.choice(sorted(views))]:
        line["members"].reverse()
    return "views.order"


@breaks
def a_view_again(book: Book, rng: random.Random) -> str:
    page, line = rng.choice(lines(book, "view"))
    page.lines.insert(page.lines.index(line), dict(line))
    return "views.back"


@breaks
def a_removal_without_a_record(book: Book, rng: random.Random) -> str | None:
    removed = sorted({one["member"] for _, line in lines(book, "view") for one in line["removed"]})
    if not removed:
        return None
    who = rng.choice(removed)
    for _, line in lines(book, "view"):
        line["removed"] = [one for one in line["removed"] if one["member"] != who]
    return "views.lost"


@breaks
def a_member_that_the_last_views_lack(book: Book, rng: random.Random) -> str:
    newest = max((line["token"], line["seq"]) for _, line in lines(book, "view"))
    for _, line in lines(book, "view"):
        if (line["token"], line["seq"]) == newest:
            line["members"] = line["members"][1:]
    return "views.lost"


@breaks
def a_member_that_comes_back(book: Book, rng: random.Random) -> str | None:
    views = sorted({(line["token"], line["seq"]) for _, line in lines(book, "view")})
    first = {key: line for _, line in lines(book, "view")
             for key in [(line["token"], line["seq"])]}
    gone = [who for who in first[views[0]]["members"] if who not in first[views[-1]]["members"]]
    if not gone:
        return None
    for _, line in lines(book, "view"):
        if (line["token"], line["seq"]) == views[-1]:
            line["members"] = line["members"] + [gone[0]]
    return "views.came_back"


@breaks
def a_reason_that_is_another_for_some(book: Book, rng: random.Random) -> str | None:
    found = [one for _, line in lines(book, "view") for one in line["removed"]]
    if not found:
        return None
    one = rng.choice(found)
    if sum(other["member"] == one["member"] for other in found) < 2:
        return None
    one["reason"] = "left" if one["reason"] != "left" else "silent"
    return "views.two_reasons"


def reword(book: Book, rng: random.Random, old: str, new: str) -> bool:
    who = sorted({one["member"] for _, line in lines(book, "view") for one in line["removed"]
                  if one["reason"] == old})
    if not who:
        return False
    chosen = rng.choice(who)
    for _, line in lines(book, "view"):
        for one in line["removed"]:
            if one["member"] == chosen:
                one["reason"] = new
    return True


@breaks
def a_silent_one_said_to_be_crashed(book: Book, rng: random.Random) -> str | None:
    return "evictions.crashed" if reword(book, rng, "silent", "crashed") else None


@breaks
def a_crashed_one_said_to_have_left(book: Book, rng: random.Random) -> str | None:
    return "evictions.left" if reword(book, rng, "crashed", "left") else None


@breaks
def a_removal_that_no_fault_explains(book: Book, rng: random.Random) -> str | None:
    """Eight seconds after the last fault."""
    if any((fault.get("until") or fault["t"]) > healed(book) - 3 * SECOND
           for fault in book.nemesis if fault["e"] == "fault"):
        return None
    t = healed(book) + 7900 * MS
    last = max((line for _, line in lines(book, "view")),
               key=lambda line: (line["token"], line["seq"]))
    leader = lines(book, "led", token=last["token"])[0][0].node
    who = rng.choice([one for one in last["members"] if not one.startswith(leader + "#")])
    left = [one for one in last["members"] if one != who]
    for node in {one.rpartition("#")[0] for one in left}:
        last_page(book, node).view(t, last["token"], last["seq"] + 1, left, (who, "silent"))
    return "evictions.healthy"


def healed(book: Book) -> int:
    return next(line["t"] for line in book.nemesis if line["e"] == "healed")


def last_page(book: Book, node: str) -> Page:
    return max((page for page in book.pages if page.node == node), key=lambda page: page.life)


@breaks
def one_that_never_hears_the_last_view(book: Book, rng: random.Random) -> str:
    page = last_page(book, rng.choice(sorted({page.node for page in book.pages})))
    newest = max((line for line in page.lines if line["e"] == "view"),
                 key=lambda line: (line["token"], line["seq"]))
    page.lines.remove(newest)
    return "recovery.view"


@breaks
def nobody_who_acts_at_the_end(book: Book, rng: random.Random) -> str:
    since = healed(book)
    for page in book.pages:
        page.lines = [line for line in page.lines if line["e"] != "act" or line["a"] < since]
    return "recovery.no_leader"


@breaks
def one_that_is_in_no_view_at_the_end(book: Book, rng: random.Random) -> str:
    page = book.page("n9", 1, healed(book) - SECOND)
    page.joined(healed(book) - SECOND)
    page.pulses(healed(book) - SECOND, healed(book) + 10 * SECOND)
    return "recovery.view"
