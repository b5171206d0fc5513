"""Folders that are no history, or nearly: what can't be read must be said, with file and line."""

from pathlib import Path
from typing import Callable, Iterator, NamedTuple

from selftest.book import Book
from selftest.planted_leadership import Pair

PULSE = b'{"e":"pulse","t":5}\n'


class Case(NamedTuple):
    name: str
    expected: str  # a part of what is said; empty: it is read
    book: Book
    spoil: Callable[[Path], object]  # is given the folder


def appends(name: str, text: bytes) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        with (folder / name).open("ab") as out:
            out.write(text)
    return spoil


def replaces(name: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        text = (folder / name).read_bytes()
        assert old in text
        (folder / name).write_bytes(text.replace(old, new, 1))
    return spoil


def killed() -> Book:
    pair = Pair()
    pair.end()
    del pair.two.lines[-2:]
    return pair.book


def cases() -> Iterator[Case]:
    yield Case("a torn line of a killed process", "", killed(), appends("n2-1.jsonl", PULSE[:9]))
    yield Case("a process killed before its first line", "", killed(),
               lambda folder: (folder / "n3-1.jsonl").touch())
    spoilt = [
        ("a torn line of one that stopped", "torn", "n1-1.jsonl", PULSE[:9]),
        ("a torn line in the middle", "n2-1.jsonl", "n2-1.jsonl", PULSE[:9] + PULSE),
        ("no JSON", "not JSON", "n1-1.jsonl", b"pulse\n"),
        ("nested without an end", "not JSON", "n1-1.jsonl", b"[" * 100_000 + b"\n"),
        ("no text", "not JSON", "n1-1.jsonl", b'{"e":"pulse","t":5,"x":"\xff"}\n'),
        ("an unknown kind", "not a line", "n1-1.jsonl", b'{"e":"pluse","t":5}\n'),
        ("a kind that is no text", "not a line", "n1-1.jsonl", b'{"e":[],"t":5}\n'),
        ("a list", "not a line", "n1-1.jsonl", b"[1]\n"),
        ("no time", "'t'", "n1-1.jsonl", b'{"e":"pulse"}\n'),
        ("a time that is no number", "'t'", "n1-1.jsonl", b'{"e":"pulse","t":"5"}\n'),
        ("a broken time", "'t'", "n1-1.jsonl", b'{"e":"pulse","t":5.5}\n'),
        ("a truth for a time", "'t'", "n1-1.jsonl", b'{"e":"pulse","t":true}\n'),
        ("an end before its begin", "before", "n1-1.jsonl", b'{"e":"act","token":1,"a":9,"b":8}\n'),
        ("an unknown outcome", "'outcome'", "n1-1.jsonl",
         b'{"e":"answer","id":"x","t":5,"outcome":"fine"}\n'),
        ("a counter without its value", "no value", "n1-1.jsonl",
         b'{"e":"counter","token":1,"a":8,"b":9,"outcome":"done"}\n'),
        ("a counter without its timeline", "no timeline", "n1-1.jsonl",
         b'{"e":"counter","token":1,"a":8,"b":9,"outcome":"done","value":1}\n'),
        ("a promotion of another timeline", "does not follow", "nemesis.jsonl",
         b'{"e":"promotion","t":4,"since":1,"killed":3,"ends":2,"begins":3,"value":0,"token":0,'
         b'"lost":0}\n'),
        ("a promotion before its primary died", "does not follow", "nemesis.jsonl",
         b'{"e":"promotion","t":2,"since":1,"killed":3,"ends":1,"begins":2,"value":0,"token":0,'
         b'"lost":0}\n'),
        ("a member that is none", "'members'", "n1-1.jsonl",
         b'{"e":"view","t":5,"token":1,"seq":1,"members":["n1"],"removed":[]}\n'),
        ("a second start", "first line", "n1-1.jsonl",
         b'{"e":"start","t":5,"node":"n1","life":1,"pid":1}\n'),
        ("a second run", "first line", "nemesis.jsonl",
         b'{"e":"run","t":0,"seed":1,"lease_ms":1,"silence_ms":1,"recovery_ms":1,"nodes":[],'
         b'"control":null}\n'),
        ("a torn line of the nemesis", "torn", "nemesis.jsonl", b'{"e":"heal'),
        ("a shared act without a time", "acts.txt:1", "acts.txt", b"10 n1\n"),
    ]
    for name, expected, path, text in spoilt:
        pair = Pair()
        yield Case(name, expected, killed() if "middle" in name else pair.end(),
                   appends(path, text))
    yield Case("a life under another's name", "another life", Pair().end(),
               replaces("n1-1.jsonl", b'"n1"', b'"n2"'))
    yield Case("a file without its start", "first line", Pair().end(),
               replaces("n1-1.jsonl", b'"start"', b'"pulse"'))
    yield Case("a file of no life", "<node>-<life>", Pair().end(),
               lambda folder: (folder / "n1.jsonl").touch())
    yield Case("no nemesis", "missing", Pair().end(),
               lambda folder: (folder / "nemesis.jsonl").unlink())
