"""Whether the checks find what was planted, and nothing else."""

import copy
import random
import tempfile
from pathlib import Path

import checker
from history import Malformed
from selftest import breaks_of_members as _  # registers its breaks
from selftest import planted_counter, planted_files, planted_leadership, planted_lost_views
from selftest import planted_members
from selftest.book import Book
from selftest.breaks import BREAKS
from selftest.honest import honest_book

LARGE_HISTORIES = 20  # made at most for each time that each break is tried


def found_in(book: Book) -> tuple[set[str], list[str]]:
    """The rules that the history breaks, and the words."""
    with tempfile.TemporaryDirectory() as folder:
        book.write(Path(folder))
        verdict = checker.report(*checker.judge(Path(folder)))
    return set(verdict["by_rule"]), [one["text"] for one in verdict["found"]]


class Score:
    def __init__(self) -> None:
        self.right = 0
        self.wrong = 0

    def count(self, good: bool, words: str) -> None:
        if good:
            self.right += 1
        else:
            self.wrong += 1
            print(f"self-test {words}")


def small_histories(score: Score) -> None:
    for some in (planted_leadership, planted_counter, planted_members, planted_lost_views):
        for name, rules, book in some.cases():
            found, texts = found_in(book)
            score.count(found == set(rules), f"{name}: wanted {sorted(rules) or 'nothing'}, found "
                        f"{sorted(found)} {texts}")


def unreadable_folders(score: Score) -> None:
    for case in planted_files.cases():
        with tempfile.TemporaryDirectory() as folder:
            case.book.write(Path(folder))
            case.spoil(Path(folder))
            try:
                checker.judge(Path(folder))
                said = ""
            except Malformed as wrong:
                said = str(wrong)
        good = case.expected in said if case.expected else not said
        score.count(good, f"{case.name}: wanted {case.expected or 'nothing'!r}, said {said!r}")


def large_histories(score: Score, times: int) -> None:
    """Honest histories of some thousand events, and each way to break one, so many times."""
    left = dict.fromkeys(BREAKS, times)
    for seed in range(LARGE_HISTORIES * times):
        honest = honest_book(seed)
        if seed < times:
            found, texts = found_in(honest)
            score.count(not found, f"honest history {seed}: found {sorted(found)} {texts}")
        for name in [name for name, count in left.items() if count]:
            book = copy.deepcopy(honest)
            rule = BREAKS[name](book, random.Random(seed))
            if rule is None:
                continue
            left[name] -= 1
            found, texts = found_in(book)
            score.count(rule in found, f"{name} in history {seed}: wanted {rule}, found "
                        f"{sorted(found)} {texts}")
        if not any(left.values()):
            return
    for name in [name for name, count in left.items() if count]:
        score.count(False, f"{name}: in too few of the histories was there room for it")


def self_test(times: int) -> int:
    score = Score()
    unreadable_folders(score)
    small_histories(score)
    large_histories(score, times)
    print(f"self-test: {score.right} of {score.right + score.wrong} cases as expected")
    return 1 if score.wrong else 0
