"""One run: the hosts, the database, the workers, and what happens to them."""

import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

import nemesis
from clocks import Clocks, check_shim
from database import Database
from hosts import Failed, Network
from nemesis import LEADER, FOLLOWER, Nemesis, NotNow, Planned
from packets import Packets
from watch import Watch, now_us
from workers import Worker

DATABASE = "database"
SILENCE_MS = 900
FORMING = 30.0
PEACE = 0.5  # after the recovery, to see that it lasts
RESTART_AFTER = 0.5  # of a worker that ended by itself
OWN_STATUS = (0, 3)  # in good order; with an error that it can't go on from


@dataclass(frozen=True)
class Settings:
    """What a run is made of. Times in seconds unless they say otherwise."""
    seed: int
    seconds: float
    programs: Path
    hosts: int = 5
    lease_ms: int = 2000
    every: float = 3.0   # between two faults, on average
    control: str = ""    # name of the assumption that is broken
    worker: tuple[str, ...] = ()  # more arguments of every worker
    bounded: bool = False         # all clocks have a daemon
    quiet: bool = False


def recovery_bound(lease: float, silence: float) -> float:
    """From the end of all faults to one leader and one view of all; docs/chaos.md gives reasons."""
    return 4 * lease + 6 * silence + 10


class Run:
    """Within a sandbox. `close` takes down what `open` has made, however far that got."""

    def __init__(self, with_: Settings, folder: Path):
        self.settings = with_
        self.folder = folder
        self.lease = with_.lease_ms / 1000
        self.bound = recovery_bound(self.lease, SILENCE_MS / 1000)
        self.names = [f"n{number}" for number in range(1, with_.hosts + 1)]
        self.rng = Random(with_.seed)
        self.workers: dict[str, Worker] = {}
        self.clocks: Clocks | None = None
        self.packets: Packets | None = None
        self.network: Network | None = None
        self.database: Database | None = None
        self.history = folder / "history"
        self.history.mkdir()
        self.watch = Watch(self.history)
        self.nemesis = Nemesis(self, self.history / "nemesis.jsonl")
        self.crashes: list[str] = []
        self.begun = time.monotonic()
        self.closing = threading.Event()
        self.healed = 0
        self.recovery: float | None = None

    def open(self):
        check_shim(self.settings.programs, self.folder)
        self.network = Network([*self.names, DATABASE])
        self.database = Database(self.folder / "postgres", DATABASE,
                                 self.network.address(DATABASE))
        self.packets = Packets(self.network)
        self.clocks = Clocks(self.history, self.names, self.rng,
                             self.settings.bounded)
        security = self.security()
        for name in self.names:
            worker = Worker(name, self.network, self.history, self.settings.programs)
            worker.arguments = ["--store", self.database.url, "--lease",
                                str(self.settings.lease_ms), "--clock",
                                self.clocks.hosts[name].option, "--acts",
                                str(self.history / "acts.txt"), *security,
                                *self.settings.worker]
            self.workers[name] = worker
        self.nemesis.write({"e": "run", "t": now_us(), "seed": self.settings.seed,
                            "lease_ms": self.settings.lease_ms, "silence_ms": SILENCE_MS,
                            "recovery_ms": int(self.bound * 1000), "nodes": self.names,
                            "control": self.settings.control or None})
        for worker in self.workers.values():
            worker.start()
        self.keeper = threading.Thread(target=self.keep, daemon=True)
        self.keeper.start()
        self.await_formed(FORMING, "the group does not form before the first fault")

    def security(self) -> list[str]:
        """Half of the seeds are encrypted."""
        if self.settings.seed % 2:
            return ["--insecure"]
        file = self.folder / "secret"
        file.touch(mode=0o600)
        made = subprocess.run([self.settings.programs / "hedgerow", "secret", "new"],
                              check=True, capture_output=True, text=True, timeout=10)
        file.write_text(made.stdout)
        return ["--secret-file", str(file)]

    def await_formed(self, patience: float, otherwise: str) -> float:
        begun = time.monotonic()
        while not self.watch.formed(self.names, self.healed):
            if time.monotonic() - begun > patience:
                raise Failed(otherwise)
            time.sleep(0.05)
        return time.monotonic() - begun

    def keep(self):
        """Starts workers again that ended by themselves, and knows which of them crashed."""
        while not self.closing.wait(RESTART_AFTER):
            for worker in self.workers.values():
                try:
                    with self.nemesis.claim(f"process {worker.name}"):
                        self.look_after(worker)
                except NotNow:
                    pass

    def look_after(self, worker: Worker):
        if worker.process is None or worker.runs() or self.closing.is_set():
            return
        if (code := worker.process.returncode) not in OWN_STATUS:
            self.crashes.append(f"{worker.name}, life {worker.life}, ended with {code}")
        worker.start()

    def pick(self, one: Planned, claimed: str = "", among: list[str] | None = None) -> Worker:
        """Whom the fault is for: of its role, and free of such faults."""
        leader = self.watch.leader()
        candidates = [name for name in among or self.names
                      if not claimed or self.nemesis.free(f"{claimed} {name}")]
        meant = [name for name in candidates
                 if one.aim not in (LEADER, FOLLOWER) or (name == leader) == (one.aim == LEADER)]
        candidates = meant or candidates  # any is better than none
        if not candidates:
            raise NotNow
        return self.workers[candidates[one.number % len(candidates)]]

    def tell(self, one: Planned, nodes: list[str], more: str = ""):
        if self.settings.quiet:
            return
        leader = self.watch.leader()
        names = ", ".join(f"{node} (leader)" if node == leader else node for node in nodes)
        lasts = f" for {one.seconds:.1f} s" if one.seconds else ""
        print(f"{time.monotonic() - self.begun:7.1f} s  {one.kind:<22} {names}{more}{lasts}",
              file=sys.stderr, flush=True)

    def hold(self, one: Planned):
        """As long as the fault lasts, or until all end."""
        self.nemesis.over.wait(one.seconds)

    def go(self):
        """All of the plan, then peace, and the time that the group needs to be one again."""
        self.begun = time.monotonic()
        self.nemesis.execute(nemesis.plan(self.settings.seed, self.settings.seconds, self.lease,
                                          self.settings.every))
        time.sleep(max(0.0, self.begun + self.settings.seconds - time.monotonic()))
        self.nemesis.end()
        self.healed = now_us()
        self.nemesis.write({"e": "healed", "t": self.healed})
        try:
            self.recovery = self.await_formed(self.bound, "late")
            self.nemesis.write({"e": "recovered", "t": now_us()})
            time.sleep(PEACE)
        except Failed:
            pass

    def close(self):
        self.closing.set()
        self.nemesis.end()
        told = [worker for worker in self.workers.values() if worker.signal(signal.SIGTERM)]
        for worker in told:
            if not worker.wait_stopped():
                self.crashes.append(f"{worker.name}, life {worker.life}, did not stop")
        if self.clocks is not None:
            self.clocks.end()
        if self.packets is not None:
            self.packets.end()
        if self.database is not None:
            self.database.close()
        if self.network is not None:
            self.network.close()
        self.nemesis.write({"e": "end", "t": now_us()})
        self.watch.refresh()

    def keep_files(self, to: Path):
        shutil.copytree(self.history, to, dirs_exist_ok=True)
        if self.database is not None:
            for server in self.database.servers:
                shutil.copy(server.log, to / f"postgres-{server.port}.log")
