"""Whether the checks find what was planted, and nothing else."""

import tempfile
from pathlib import Path

import checker
from history import Malformed
from selftest import planted_files, planted_leadership, planted_members
from selftest.book import Book


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
    for some in (planted_leadership, planted_members):
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


def self_test() -> int:
    score = Score()
    unreadable_folders(score)
    small_histories(score)
    print(f"self-test: {score.right} of {score.right + score.wrong} cases as expected")
    return 1 if score.wrong else 0
