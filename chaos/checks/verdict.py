"""What checks come to: violations with the lines that prove them, and how much was judged."""

from collections import Counter
from typing import NamedTuple

from history import Place


class Violation(NamedTuple):
    rule: str  # "acts.overlap": the check, and which of its rules
    text: str
    places: tuple[Place, ...]  # the lines that prove it


class Verdict:
    """Collects. One rule may be broken a million times: some of them are kept, all are counted."""

    KEPT = 20

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self.counts: Counter[str] = Counter()  # of violations, by rule
        self.judged: dict[str, int] = {}
        self.measured: dict[str, int] = {}  # what is no violation, and worth a look

    def violated(self, rule: str, text: str, *places: Place) -> None:
        self.counts[rule] += 1
        if self.counts[rule] <= self.KEPT:
            self.violations.append(Violation(rule, text, places))


def ms(us: int) -> str:
    return f"{us / 1000:.3f} ms"
