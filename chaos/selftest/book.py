"""Histories made for the self-test: lines in memory, and the folder that they make."""

import json
from pathlib import Path
from typing import Any

from history import Record

MS = 1000
SECOND = 1_000_000


def incarnation(node: str, number: int) -> str:
    """Of the node's so-manieth incarnation."""
    return f"{sum(node.encode()) % 65536:04x}{number:04x}" + "0" * 24


def member(node: str, number: int = 1) -> str:
    return f"{node}#{incarnation(node, number)[:8]}"


class Page:
    """The lines of one life."""

    def __init__(self, node: str, life: int, start: int):
        self.node = node
        self.life = life
        self.lines: list[Record] = []
        self.torn = ""
        self.add("start", t=start, node=node, life=life, pid=100 + life)

    @property
    def name(self) -> str:
        return f"{self.node}-{self.life}"

    def add(self, kind: str, /, **fields: Any) -> Record:
        record = {"e": kind, **fields}
        self.lines.append(record)
        return record

    def joined(self, t: int, number: int = 1) -> None:
        self.add("joined", t=t, incarnation=incarnation(self.node, number))

    def pulses(self, begin: int, end: int, *pauses: tuple[int, int]) -> None:
        """Every 100 ms, but not within a pause; one at the end."""
        t = begin
        while t < end:
            if not any(first < t < last for first, last in pauses):
                self.add("pulse", t=t)
            t += 100 * MS
        for _, last in pauses:
            self.add("pulse", t=last)
        self.add("pulse", t=end)

    def act(self, token: int, a: int, b: int) -> None:
        self.add("act", token=token, a=a, b=b)

    def view(self, t: int, token: int, seq: int, members: list[str], *removed: tuple[str, str]):
        self.add("view", t=t, token=token, seq=seq, members=members,
                 removed=[{"member": who, "reason": why} for who, why in removed])

    def stop(self, t: int) -> None:
        self.add("stopping", t=t)
        self.add("stopped", t=t + 10 * MS)


class Book:
    """A history: the lives' pages, what the nemesis did, the file that all leaders append to."""

    def __init__(self, lease_ms: int = 2000, silence_ms: int = 900, recovery_ms: int = 10000):
        self.pages: list[Page] = []
        self.acts: list[tuple[int, str, int]] = []
        self.nemesis: list[Record] = [
            {"e": "run", "t": 0, "seed": 1, "lease_ms": lease_ms, "silence_ms": silence_ms,
             "recovery_ms": recovery_ms, "nodes": ["n1", "n2", "n3"], "control": None}]

    def page(self, node: str, life: int = 1, start: int = 1) -> Page:
        page = Page(node, life, start)
        self.pages.append(page)
        return page

    def fault(self, kind: str, nodes: list[str], t: int, until: int | None = None, **more: Any):
        self.nemesis.append({"e": "fault", "n": len(self.nemesis), "kind": kind, "nodes": nodes,
                             "t": t, "until": until, "more": more})

    def promotion(self, begins: int, since: int, killed: int, t: int, **found: int) -> None:
        """`found`: value, token, lost."""
        self.nemesis.append({"e": "promotion", "t": t, "since": since, "killed": killed,
                             "ends": begins - 1, "begins": begins, **found})

    def happened(self, kind: str, t: int) -> None:
        """Healed, recovered or ended."""
        self.nemesis.append({"e": kind, "t": t})

    def write(self, folder: Path) -> None:
        for page in self.pages:
            text = "".join(json.dumps(line) + "\n" for line in page.lines) + page.torn
            (folder / f"{page.name}.jsonl").write_text(text)
        text = "".join(json.dumps(line) + "\n" for line in self.nemesis)
        (folder / "nemesis.jsonl").write_text(text)
        if self.acts:
            text = "".join(f"{token} {node} {t}\n" for token, node, t in self.acts)
            (folder / "acts.txt").write_text(text)
