"""Follows the histories while they are written: who leads, who sees which view."""

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

RECENT_US = 300_000
WANTED = tuple('{"e":"' + word + '"' for word in ("act", "view", "joined"))


def now_us() -> int:
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


@dataclass
class Life:
    """What is known of one life of a worker."""
    node: str
    number: int
    offset: int = 0
    member: str = ""
    view: tuple[int, int] = (0, 0)
    members: list[str] = field(default_factory=list)
    acted: int = 0
    token: int = 0


class Watch:
    """Thread-safe."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.lock = threading.Lock()
        self.lives: dict[str, Life] = {}
        self.acts = 0

    def refresh(self):
        with self.lock:
            for path in self.folder.glob("*-*.jsonl"):
                node, _, number = path.stem.rpartition("-")
                life = self.lives.setdefault(path.name, Life(node, int(number)))
                self.read_on(path, life)

    def read_on(self, path: Path, life: Life):
        with path.open("rb") as file:
            file.seek(life.offset)
            text = file.read()
        whole = text[:text.rfind(b"\n") + 1]
        life.offset += len(whole)
        for line in whole.decode().splitlines():
            if line.startswith(WANTED):
                self.take(json.loads(line), life)

    def take(self, event: dict, life: Life):
        if event["e"] == "act":
            self.acts += 1
            life.acted, life.token = event["b"], event["token"]
        elif event["e"] == "view":
            life.view, life.members = (event["token"], event["seq"]), event["members"]
        else:
            life.member = f"{life.node}#{event['incarnation'][:8]}"

    def newest(self, node: str) -> Life | None:
        with self.lock:
            return max((one for one in self.lives.values() if one.node == node),
                       key=lambda one: one.number, default=None)

    def leader(self) -> str | None:
        """Whose act is the newest, if it is recent."""
        self.refresh()
        with self.lock:
            last = max(self.lives.values(), key=lambda one: one.acted, default=None)
        return last.node if last and now_us() - last.acted < RECENT_US else None

    def formed(self, nodes: list[str], since: int) -> bool:
        """One of them has acted since then, and all hold one view of exactly them."""
        leader = self.leader()
        lives = [self.newest(node) for node in nodes]
        if leader is None or not all(lives) or len({one.view for one in lives}) != 1:
            return False
        members = sorted(one.member for one in lives)
        return all(one.member and sorted(one.members) == members for one in lives) and \
            self.newest(leader).token == lives[0].view[0] and self.newest(leader).acted > since
