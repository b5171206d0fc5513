"""Hosts: network namespaces, each with a link to one router.

Cuts lose packets in the router without a word; a link that is down, or a blackhole of the host's
own, fails its sends at once.
"""

import subprocess
import threading
from collections import Counter
from pathlib import Path

ROUTER = "router"
PATIENCE = 20.0


class Failed(Exception):
    """A command of the machinery did not do what it should."""


def ip(*words: str, check: bool = True) -> subprocess.CompletedProcess:
    done = subprocess.run(["ip", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=PATIENCE, check=False)
    if check and done.returncode != 0:
        raise Failed(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done


def within(host: str, *command: str) -> list[str]:
    """The command, to be run on that host."""
    return ["nsenter", f"--net=/run/netns/{host}", *command]


def between(some: list[str], others: list[str]) -> list[tuple[str, str]]:
    """The ways from each of the one to each of the others, and back."""
    pairs = [(a, b) for a in some for b in others]
    return pairs + [(b, a) for a, b in pairs]


class Network:
    """`names` are hosts; the address of the first is 10.78.1.2. Thread-safe."""

    def __init__(self, names: list[str]):
        self.numbers = {name: number for number, name in enumerate(names, 1)}
        self.lost: Counter = Counter()  # (from, to) -> cuts that lose it now
        self.lock = threading.Lock()
        ip("netns", "add", ROUTER)
        subprocess.run(within(ROUTER, "sh", "-c",
                              "echo 1 > /proc/sys/net/ipv4/ip_forward;"
                              "for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f; done"),
                       check=True, timeout=PATIENCE)
        for name in names:
            self.connect(name)

    def close(self):
        for name in [*self.numbers, ROUTER]:
            ip("netns", "del", name, check=False)

    def address(self, name: str) -> str:
        return f"10.78.{self.numbers[name]}.2"

    def gateway(self, name: str) -> str:
        return f"10.78.{self.numbers[name]}.1"

    def connect(self, name: str):
        ip("netns", "add", name)
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", ROUTER, "link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0",
           "netns", name)
        ip("-n", ROUTER, "addr", "add", f"{self.gateway(name)}/24", "dev", f"to-{name}")
        ip("-n", name, "addr", "add", f"{self.address(name)}/24", "dev", "eth0")
        ip("-n", ROUTER, "link", "set", f"to-{name}", "up")
        self.link_up(name)

    def loses(self, sender: str, receiver: str) -> bool:
        """Whether the router would drop such a packet: its own answer."""
        asked = ip("-n", ROUTER, "route", "get", self.address(receiver), "from",
                   self.address(sender), "iif", f"to-{sender}", check=False)
        return asked.returncode != 0

    def cut(self, pairs: list[tuple[str, str]]):
        """Loses what goes from the first to the second of each, and not what comes back."""
        with self.lock:
            for pair in pairs:
                self.lost[pair] += 1
                if self.lost[pair] == 1:
                    self.change("add", *pair)

    def heal(self, pairs: list[tuple[str, str]]):
        with self.lock:
            for pair in pairs:
                self.lost[pair] -= 1
                if self.lost[pair] == 0:
                    self.change("del", *pair)

    def change(self, action: str, sender: str, receiver: str):
        ip("-n", ROUTER, "rule", action, "from", self.address(sender), "to",
           self.address(receiver), "blackhole")

    def divert(self, action: str, sender: str, receiver: str, table: str):
        """Sends such packets by another table, unless they come from there."""
        ip("-n", ROUTER, "rule", action, "from", self.address(sender), "to",
           self.address(receiver), "iif", f"to-{sender}", "lookup", table)

    def link_down(self, name: str):
        ip("-n", name, "link", "set", "eth0", "down")

    def link_up(self, name: str):
        ip("-n", name, "link", "set", "eth0", "up")
        ip("-n", name, "route", "replace", "default", "via", self.gateway(name))

    def blackhole(self, name: str):
        ip("-n", name, "route", "replace", "blackhole", "default")

    def unreachable(self, name: str) -> bool:
        """Whether the host itself has no way to others."""
        return ip("-n", name, "route", "get", "10.78.250.250", check=False).returncode != 0


def pids_in(folder: Path) -> list[int]:
    """Of processes that work in the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            where = (entry / "cwd").readlink()
        except OSError:
            continue
        if where == folder or folder in where.parents:
            found.append(int(entry.name))
    return found
