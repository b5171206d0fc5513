"""The recorded history of a chaos run: its lines, checked, and the lives of its processes.

A history is a folder: `<node>-<life>.jsonl` for each life of a process, `nemesis.jsonl` for what
was done to them, and `acts.txt`, to which all leaders append. docs/history.md describes the lines.
All times are microseconds of CLOCK_MONOTONIC of one kernel: true time for every process of a run.

Files are read one after the other, line by line; what a check keeps of a line is the check's own.
"""

import json
import re
from array import array
from bisect import bisect_right
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple

Record = dict[str, Any]

# A file and a line in it as one number: checks keep millions of them.
Place = int
LINE_BITS = 32

# Pulses come every 100 ms. What lies between two of them that are further apart than this is a time
# in which the process may not have run; what took less can't be told from a busy machine.
PULSE_US = 100_000
GRAIN_US = 300_000

FIRST_TIMELINE = 1

NEMESIS = "nemesis.jsonl"
ACTS = "acts.txt"
LIFE_FILE = re.compile(r"(?P<node>.+)-(?P<life>[0-9]+)\.jsonl")
MEMBER = re.compile(r".+#[0-9a-f]{8}", re.DOTALL)
INCARNATION = re.compile(r"[0-9a-f]{32}")


class Malformed(Exception):
    """The history can't be judged; the text says where and why."""


def is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def is_text(value: Any) -> bool:
    return type(value) is str and value != ""


def is_member(value: Any) -> bool:
    return type(value) is str and MEMBER.fullmatch(value) is not None


def one_of(*words: str) -> Callable[[Any], bool]:
    return lambda value: type(value) is str and value in words


def list_of(good: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: type(value) is list and all(map(good, value))


def or_none(good: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or good(value)


def is_removal(value: Any) -> bool:
    return (type(value) is dict and is_member(value.get("member"))
            and value.get("reason") in ("left", "crashed", "silent", "replaced"))


def is_incarnation(value: Any) -> bool:
    return type(value) is str and INCARNATION.fullmatch(value) is not None


def is_map(value: Any) -> bool:
    return type(value) is dict


Fields = tuple[tuple[str, Callable[[Any], bool]], ...]


def fields(**wanted: Callable[[Any], bool]) -> Fields:
    return tuple(wanted.items())


T = {"t": is_count}
CALL = {"id": is_text}

# Kind of line -> what it must have. Further fields are allowed, and ignored.
OF_A_LIFE: dict[str, Fields] = {
    "start": fields(**T, node=is_text, life=is_count, pid=is_count),
    "joined": fields(**T, incarnation=is_incarnation),
    "act": fields(token=is_count, a=is_count, b=is_count),
    "led": fields(**T, token=is_count),
    "lost": fields(**T, token=is_count),
    "counter": fields(token=is_count, a=is_count, b=is_count,
                      outcome=one_of("done", "refused", "unknown", "failed")),
    "call": fields(**T, **CALL, kind=one_of("send", "broadcast")),
    "answer": fields(**T, **CALL,
                     outcome=one_of("replied", "not_executed", "unknown", "handler_failed")),
    "done": fields(**T, **CALL),
    "executed": fields(**CALL, token=is_count, a=is_count, b=is_count),
    "stream": fields(**T, **CALL, kind=one_of("leader", "all"), to=lambda v: type(v) is str),
    "sent": fields(**T, **CALL, n=is_count),
    "acked": fields(**T, **CALL, n=is_count),
    "got": fields(**T, **CALL, n=is_count, token=is_count),
    "ended": fields(**T, **CALL, side=one_of("opener", "acceptor"), outcome=is_text),
    "view": fields(**T, token=is_count, seq=is_count, members=list_of(is_member),
                   removed=list_of(is_removal)),
    "suspended": fields(**T, token=is_count),
    "evicted": fields(**T),
    "failed": fields(**T),
    "clock": fields(**T),
    "pulse": fields(**T),
    "stopping": fields(**T),
    "stopped": fields(**T),
}
OF_THE_NEMESIS: dict[str, Fields] = {
    "run": fields(**T, seed=is_count, lease_ms=is_count, silence_ms=is_count, recovery_ms=is_count,
                  nodes=list_of(is_text), control=or_none(is_text)),
    "fault": fields(**T, n=is_count, kind=is_text, nodes=list_of(is_text), until=or_none(is_count),
                    more=is_map),
    "promotion": fields(**T, since=is_count, killed=is_count, ends=is_count, begins=is_count,
                        value=is_count, token=is_count, lost=is_count),
    "healed": fields(**T),
    "recovered": fields(**T),
    "end": fields(**T),
}


class Pause(NamedTuple):
    """A time in which the process may not have run: between two pulses."""
    begin: int
    end: int


class Life:
    """One process from its start to its end, which was in good order or not."""

    def __init__(self, number: int, node: str, life: int, path: Path):
        self.number = number  # within the history
        self.node = node
        self.life = life
        self.path = path
        self.start = 0
        self.last = 0  # the latest time that any of its lines has
        self.pulses = array("q")
        self.joined: list[tuple[int, str]] = []  # incarnations, and from when
        self.stopping: int | None = None
        self.stopped: int | None = None
        self.pauses: list[Pause] = []

    @property
    def name(self) -> str:
        return f"{self.node}-{self.life}"

    @property
    def killed(self) -> bool:
        return self.stopped is None

    def close(self) -> None:
        """All lines are read."""
        # Threads write as they like; what counts is when.
        self.pulses = array("q", sorted(self.pulses))
        self.joined.sort()
        before = self.start
        for pulse in self.pulses:
            if pulse - before > PULSE_US * 3 // 2:
                self.pauses.append(Pause(before, pulse))
            before = pulse

    def longest_pause(self, begin: int, end: int) -> int:
        """The longest time between two pulses of which some part lies in [begin, end]. Unlimited
        where the process had not started, or was gone, within it."""
        if begin < self.start or not self.pulses or end > self.pulses[-1]:
            return 2**62
        first = bisect_right(self.pauses, begin, key=lambda pause: pause.end)
        longest = 0
        for pause in self.pauses[first:]:
            if pause.begin > end:
                break
            longest = max(longest, pause.end - pause.begin)
        return longest

    def ran(self, begin: int, end: int, limit: int = GRAIN_US) -> bool:
        return self.longest_pause(begin, end) <= limit

    def incarnation_at(self, t: int) -> str | None:
        """The first eight digits, as members are named."""
        at = bisect_right(self.joined, t, key=lambda joined: joined[0])
        return self.joined[at - 1][1][:8] if at else None


class Fault(NamedTuple):
    kind: str
    nodes: tuple[str, ...]
    t: int
    until: int | None  # None: at one instant, or until all was healed
    more: Record
    place: Place


class Promotion(NamedTuple):
    """A standby takes the place of the database's primary: one timeline ends, the next begins."""
    since: int   # what was committed before it is not lost
    killed: int  # from then on the old primary did nothing
    t: int       # before it the new one took no writes
    ends: int
    begins: int
    value: int   # of the counter, with which the timeline begins
    token: int   # under which that was made
    lost: int    # commits
    place: Place


class Run:
    """What the nemesis did."""

    def __init__(self, record: Record):
        self.t: int = record["t"]
        self.seed: int = record["seed"]
        self.lease_us: int = record["lease_ms"] * 1000
        self.silence_us: int = record["silence_ms"] * 1000
        self.recovery_us: int = record["recovery_ms"] * 1000
        self.nodes: list[str] = record["nodes"]
        self.control: str | None = record["control"]
        self.faults: list[Fault] = []
        self.promotions: list[Promotion] = []
        self.healed: int | None = None
        self.healed_at: Place = 0
        self.recovered: int | None = None
        self.end: int | None = None


class History:
    """The folder as far as every check needs it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.files: list[Path] = []
        self.lives: list[Life] = []
        self.run: Run
        self.lines = 0
        self.torn = 0
        self._members: dict[str, Life] = {}

    def member(self, name: str) -> Life | None:
        """Whose incarnation `name#inc8` is."""
        return self._members.get(name)

    def close(self) -> None:
        for life in self.lives:
            life.close()
            for _, incarnation in life.joined:
                self._members[f"{life.node}#{incarnation[:8]}"] = life
        self.run.faults.sort(key=lambda fault: fault.t)

    def show(self, places: list[Place]) -> dict[Place, str]:
        """`file:line: text` of each place."""
        shown: dict[Place, str] = {}
        for number in sorted({place >> LINE_BITS for place in places}):
            wanted = {place & (2**LINE_BITS - 1): place for place in places
                      if place >> LINE_BITS == number}
            path = self.files[number]
            with path.open("rb") as lines:
                for line, text in enumerate(lines, 1):
                    if line in wanted:
                        words = text.decode(errors="replace").rstrip("\n")
                        shown[wanted[line]] = f"{path.name}:{line}: {words}"
                    if line >= max(wanted):
                        break
        return shown


Handler = Callable[[Life, Record, Place], None]


def parse(path: Path, line: int, text: bytes, kinds: dict[str, Fields]) -> Record:
    try:
        record = json.loads(str(text, "utf-8"))
    except (ValueError, RecursionError) as wrong:
        raise Malformed(f"{path}:{line}: not JSON: {wrong}") from wrong
    kind = record.get("e") if type(record) is dict else None
    wanted = kinds.get(kind) if type(kind) is str else None
    if wanted is None:
        raise Malformed(f"{path}:{line}: not a line of such a file: {text[:200]!r}")
    for name, good in wanted:
        if not good(record.get(name)):
            raise Malformed(f"{path}:{line}: {record['e']!r} with {name!r} missing or wrong: "
                            f"{text[:200]!r}")
    if "a" in record and record["a"] > record.get("b", record["a"]):
        raise Malformed(f"{path}:{line}: it ends before it begins: {text[:200]!r}")
    return record


def records(path: Path, kinds: dict[str, Fields]) -> Iterator[tuple[int, Record | None]]:
    """Line by line; None for a last line that has no end."""
    with path.open("rb") as lines:
        for line, text in enumerate(lines, 1):
            yield line, parse(path, line, text, kinds) if text.endswith(b"\n") else None


def check_kind(path: Path, line: int, record: Record) -> None:
    """What the table of fields can't say."""
    kind = record["e"]
    if kind == "counter" and record["outcome"] == "done":
        for name in ("value", "timeline"):
            if not is_count(record.get(name)):
                raise Malformed(f"{path}:{line}: a counter's update is done and has no {name}")
    if kind == "answer" and record.get("by") and not is_member(record["by"]):
        raise Malformed(f"{path}:{line}: 'by' is no member: {record['by']!r}")


def read_life(history: History, life: Life, handlers: dict[str, list[Handler]]) -> None:
    number = len(history.files)
    history.files.append(life.path)
    torn = 0
    for line, record in records(life.path, OF_A_LIFE):
        if record is None:
            torn = line
            break
        kind = record["e"]
        if (kind == "start") != (line == 1):
            raise Malformed(f"{life.path}:{line}: the start must be the first line, and only it")
        t = record.get("t")
        life.last = max(life.last, record["b"] if t is None else t)
        if kind == "pulse":
            life.pulses.append(t)
            continue
        if kind == "start":
            if (record["node"], record["life"]) != (life.node, life.life):
                raise Malformed(f"{life.path}:1: the start of another life")
            life.start = t
        elif kind == "joined":
            life.joined.append((t, record["incarnation"]))
        elif kind == "stopping":
            life.stopping = t
        elif kind == "stopped":
            life.stopped = t
        elif kind in ("answer", "counter"):
            check_kind(life.path, line, record)
        place = number << LINE_BITS | line
        for handler in handlers.get(kind, ()):
            handler(life, record, place)
        history.lines += 1
    history.lines += len(life.pulses)
    if torn and life.stopped is not None:
        raise Malformed(f"{life.path}:{torn}: the last line is torn, and nobody killed the process")
    history.torn += 1 if torn else 0


def read_promotion(path: Path, line: int, run: Run, record: Record, place: Place) -> Promotion:
    one = Promotion(*(record[name] for name in Promotion._fields[:-1]), place)
    known = run.promotions[-1] if run.promotions else None
    if one.ends != (known.begins if known else FIRST_TIMELINE) or one.begins <= one.ends or \
            not (known.t if known else 0) <= one.since <= one.killed <= one.t:
        raise Malformed(f"{path}:{line}: a promotion that does not follow the one before: {record}")
    return one


def read_nemesis(history: History) -> None:
    path = history.folder / NEMESIS
    if not path.is_file():
        raise Malformed(f"{path} is missing: no history of a chaos run")
    number = len(history.files)
    history.files.append(path)
    run: Run | None = None
    for line, record in records(path, OF_THE_NEMESIS):
        if record is None:
            raise Malformed(f"{path}:{line}: the last line is torn")
        history.lines += 1
        if (record["e"] == "run") != (line == 1):
            raise Malformed(f"{path}:{line}: the run must be the first line, and only it")
        if run is None:
            run = Run(record)
            continue
        place = number << LINE_BITS | line
        t = record["t"]
        if record["e"] == "fault":
            run.faults.append(Fault(record["kind"], tuple(record["nodes"]), t, record["until"],
                                    record["more"], place))
        elif record["e"] == "promotion":
            run.promotions.append(read_promotion(path, line, run, record, place))
        elif record["e"] == "healed":
            run.healed, run.healed_at = t, place
        elif record["e"] == "recovered":
            run.recovered = t
        else:
            run.end = t
    if run is None:
        raise Malformed(f"{path}: it has no line")
    history.run = run


class SharedAct(NamedTuple):
    token: int
    node: str
    t: int
    place: Place


def read_acts(history: History) -> Iterator[SharedAct]:
    """The lines of the file that all leaders append to, in its order."""
    path = history.folder / ACTS
    if not path.is_file():
        return
    number = len(history.files)
    history.files.append(path)
    with path.open("rb") as lines:
        for line, text in enumerate(lines, 1):
            words = text.split()
            if not text.endswith(b"\n"):
                history.torn += 1
                return
            if len(words) != 3 or not (words[0].isdigit() and words[2].isdigit()):
                raise Malformed(f"{path}:{line}: not a token, a node and a time: {text[:200]!r}")
            history.lines += 1
            yield SharedAct(int(words[0]), words[1].decode(errors="replace"), int(words[2]),
                            number << LINE_BITS | line)


def life_files(folder: Path) -> list[tuple[str, int, Path]]:
    if not folder.is_dir():
        raise Malformed(f"{folder} is no folder")
    found = []
    for path in folder.glob("*.jsonl"):
        if path.name == NEMESIS:
            continue
        match = LIFE_FILE.fullmatch(path.name)
        if match is None:
            raise Malformed(f"{path}: a history's files are called <node>-<life>.jsonl")
        found.append((match["node"], int(match["life"]), path))
    return sorted(found)


def read(folder: Path, handlers: dict[str, list[Handler]]) -> History:
    """The history, after every line of a life was handed to those who want its kind. Errors:
    Malformed, and OSError."""
    history = History(folder)
    files = life_files(folder)
    read_nemesis(history)
    for node, number, path in files:
        life = Life(len(history.lives), node, number, path)
        history.lives.append(life)
        read_life(history, life, handlers)
        if life.last == 0:  # killed before its first line
            history.lives.pop()
    history.close()
    return history
