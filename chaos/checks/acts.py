"""Leadership: never two at one true instant, tokens only grow, a loss is told and final.

An act that was asked between a and b may have been judged at any instant in between. So a lower
token has certainly acted too late where its act *begins* after an act of a greater one has *ended*.
"""

from array import array
from bisect import bisect_right
from collections import defaultdict
from typing import Iterator, NamedTuple

from checks.verdict import Verdict, ms
from history import GRAIN_US, History, Life, Place, Record, read_acts


class Moment(NamedTuple):
    t: int
    place: Place
    life: Life


class Tenure:
    """One token in one life."""

    __slots__ = ("life", "begins", "first_end", "first_place", "last_begin", "last_place")

    def __init__(self, life: Life):
        self.life = life
        self.begins = array("q")
        self.first_end = 2**63
        self.first_place = 0
        self.last_begin = -1
        self.last_place = 0


class Told(NamedTuple):
    """What the node tells its user of its leadership under this token."""
    place: Place
    t: int
    token: int
    word: str  # led, suspended, lost

    @property
    def led(self) -> bool:
        return self.word == "led"


class Acts:
    NAME = "acts"

    def __init__(self) -> None:
        self.tenures: dict[tuple[int, int], Tenure] = {}  # by token and life
        self.told: dict[int, list[Told]] = defaultdict(list)  # by life
        self.lives: dict[int, Life] = {}
        self.owners: dict[int, dict[int, Moment]] = defaultdict(dict)  # token, then life
        self._successors: list[tuple[int, Moment]] | None = None

    def handlers(self):
        return {"act": self.on_act, "led": self.on_told, "suspended": self.on_told,
                "lost": self.on_told}

    def on_act(self, life: Life, record: Record, place: Place) -> None:
        key = (record["token"], life.number)
        tenure = self.tenures.get(key)
        if tenure is None:
            tenure = self.tenures[key] = Tenure(life)
            self.owned(record["token"], life, record["a"], place)
        tenure.begins.append(record["a"])
        if record["b"] < tenure.first_end:
            tenure.first_end, tenure.first_place = record["b"], place
        if record["a"] > tenure.last_begin:
            tenure.last_begin, tenure.last_place = record["a"], place

    def on_told(self, life: Life, record: Record, place: Place) -> None:
        self.lives[life.number] = life
        self.told[life.number].append(Told(place, record["t"], record["token"],
                                           record["e"]))
        self.owned(record["token"], life, record["t"], place)

    def owned(self, token: int, life: Life, t: int, place: Place) -> None:
        """The life held the lease under this token, by its own account."""
        owners = self.owners[token]
        if life.number not in owners:
            owners[life.number] = Moment(t, place, life)

    def owner(self, token: int) -> Life | None:
        return next((moment.life for moment in self.owners.get(token, {}).values()), None)

    def successor(self, token: int) -> Moment | None:
        """The first instant at which a greater token had acted for certain. After all is read."""
        if self._successors is None:
            self._successors = []
            earliest = None
            firsts: dict[int, Moment] = {}
            for (of, _), tenure in self.tenures.items():
                if of not in firsts or tenure.first_end < firsts[of].t:
                    firsts[of] = Moment(tenure.first_end, tenure.first_place, tenure.life)
            for of in sorted(firsts, reverse=True):
                if earliest is None or firsts[of].t < earliest.t:
                    earliest = firsts[of]
                self._successors.append((of, earliest))
        low, high = 0, len(self._successors)  # those of greater tokens stand first
        while low < high:
            middle = (low + high) // 2
            if self._successors[middle][0] > token:
                low = middle + 1
            else:
                high = middle
        return self._successors[low - 1][1] if low else None

    def finish(self, history: History, verdict: Verdict) -> None:
        self.check_owners(verdict)
        self.check_overlaps(verdict)
        for number, told in self.told.items():
            told.sort()  # of one file, and so in the order in which they were told
            self.check_told(self.lives[number], told, verdict)
        verdict.judged["acts"] = sum(len(tenure.begins) for tenure in self.tenures.values())
        verdict.judged["tokens"] = len(self.owners)
        verdict.judged["losses"] = sum(one.word == "lost" for told in self.told.values()
                                       for one in told)
        self.check_shared(history, verdict)

    def check_owners(self, verdict: Verdict) -> None:
        for token, owners in sorted(self.owners.items()):
            if len(owners) > 1:
                names = ", ".join(moment.life.name for moment in owners.values())
                verdict.violated("acts.token_of_two", f"token {token} was held by {names}",
                                 *(moment.place for moment in owners.values()))

    def gains(self) -> dict[int, Moment]:
        """Where each token was told as gained."""
        first: dict[int, Moment] = {}
        for number, told in self.told.items():
            for one in told:
                if one.led and (one.token not in first or one.t < first[one.token].t):
                    first[one.token] = Moment(one.t, one.place, self.lives[number])
        return first

    def check_overlaps(self, verdict: Verdict) -> None:
        gains = self.gains()
        successor: Moment | None = None  # the earliest gain of a greater token
        by_token: dict[int, list[Tenure]] = defaultdict(list)
        for (token, _), tenure in self.tenures.items():
            by_token[token].append(tenure)
        for token in sorted(by_token.keys() | gains.keys(), reverse=True):
            acted = self.successor(token)
            for tenure in by_token[token]:
                if acted is not None and tenure.last_begin > acted.t:
                    verdict.violated(
                        "acts.overlap", f"{tenure.life.name} acted under token {token} "
                        f"{ms(tenure.last_begin - acted.t)} after {acted.life.name} had under a "
                        "greater one", acted.place, tenure.last_place)
                elif successor is not None and tenure.last_begin > successor.t:
                    verdict.violated(
                        "acts.after_gain", f"{tenure.life.name} acted under token {token} "
                        f"{ms(tenure.last_begin - successor.t)} after {successor.life.name} was "
                        "told that it leads under a greater one",
                        successor.place, tenure.last_place)
            if token in gains and (successor is None or gains[token].t < successor.t):
                successor = gains[token]

    def check_told(self, life: Life, told: list[Told], verdict: Verdict) -> None:
        lost: dict[int, Told] = {}
        held: Told | None = None
        before: Told | None = None
        for one in told:
            suspended = before if before is not None and before.word == "suspended" else None
            before = one
            if suspended is not None and suspended.token == one.token:
                self.check_suspended(life, suspended, one, verdict)
            if one.word == "suspended":
                continue
            if one.led:
                if one.token in lost:
                    verdict.violated("acts.back_after_loss", f"{life.name} was told that it leads "
                                     f"under token {one.token}, which it had lost",
                                     lost[one.token].place, one.place)
                if held is not None and held.token > one.token:
                    verdict.violated("acts.token_back", f"{life.name} got token {one.token} after "
                                     f"{held.token}", held.place, one.place)
                if held is not None and held.token < one.token and held.token not in lost:
                    verdict.violated("acts.loss_untold", f"{life.name} was never told that token "
                                     f"{held.token} was lost", held.place, one.place)
                held = one
                self.check_late(life, one, verdict)
                continue
            lost.setdefault(one.token, one)
            tenure = self.tenures.get((one.token, life.number))
            if tenure is not None and tenure.last_begin > one.t:
                verdict.violated("acts.after_loss", f"{life.name} acted under token {one.token} "
                                 f"{ms(tenure.last_begin - one.t)} after it was told of its loss",
                                 one.place, tenure.last_place)
            # Who was suspended knew already that it must not act.
            if suspended is None or suspended.token != one.token:
                self.check_late(life, one, verdict)

    def check_suspended(self, life: Life, since: Told, until: Told, verdict: Verdict) -> None:
        """The way back is told after it has happened, and so a little late."""
        tenure = self.tenures.get((since.token, life.number))
        if tenure is None:
            return
        begins = sorted(tenure.begins)
        at = bisect_right(begins, since.t)
        if at < len(begins) and begins[at] < until.t - GRAIN_US and life.ran(begins[at], until.t):
            verdict.violated("acts.while_suspended", f"{life.name} acted under token {since.token} "
                             f"{ms(begins[at] - since.t)} after it was suspended, "
                             f"{ms(until.t - begins[at])} before it was told more",
                             since.place, until.place)

    def check_late(self, life: Life, one: Told, verdict: Verdict) -> None:
        """What is told of a token is told before its successor acts, unless the process was paused.
        A pause that fits between two pulses can't be seen: such a word is counted alone."""
        acted = self.successor(one.token)
        if acted is None or one.t <= acted.t:
            return
        late = one.t - acted.t
        word = "gain" if one.led else "loss"
        name = f"late_{word}_max_us"
        if late > GRAIN_US and life.ran(acted.t, one.t):
            verdict.violated(f"acts.late_{word}", f"{life.name} was told of the {word} of token "
                             f"{one.token} {ms(late)} after {acted.life.name} had acted under a "
                             "greater one, and was not paused", acted.place, one.place)
        elif life.ran(acted.t, one.t):
            verdict.measured[name] = max(verdict.measured.get(name, 0), late)

    def check_shared(self, history: History, verdict: Verdict) -> None:
        """A line is written after the check: a pause in between makes a stale write, which only a
        fence at the resource keeps out. Nothing else may."""
        judged = stale = 0
        greatest = None
        nodes: dict[int, str] = {}
        for line in read_acts(history):
            judged += 1
            node = nodes.setdefault(line.token, line.node)
            if node != line.node:
                verdict.violated("acts.token_of_two", f"{node} and {line.node} wrote under token "
                                 f"{line.token}", line.place)
            if greatest is None or line.token >= greatest.token:
                greatest = line
                continue
            stale += 1
            writer = self.writer(history, line.token, line.node)
            if writer is not None and greatest.t - line.t > GRAIN_US and \
                    writer.ran(line.t, greatest.t):
                verdict.violated("acts.late_write", f"{line.node} wrote under token {line.token} "
                                 f"{ms(greatest.t - line.t)} after its check, behind a greater "
                                 "one, and was not paused", greatest.place, line.place)
        verdict.judged["shared_acts"] = judged
        verdict.measured["stale_writes"] = stale

    def writer(self, history: History, token: int, node: str) -> Life | None:
        owners: Iterator[Life] = (one.life for one in self.owners.get(token, {}).values())
        return next((life for life in owners if life.node == node), None)
