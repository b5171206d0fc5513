"""The workers: one on each host, started again whenever it has ended."""

import os
import signal
import subprocess
import time
from pathlib import Path

from hosts import Network, within

GRACE = 15.0
PORT = 7400


class Worker:
    """One name, and its lives. Calls of one thread at a time."""

    def __init__(self, name: str, network: Network, folder: Path, programs: Path):
        self.name = name
        self.folder = folder
        self.programs = programs
        self.address = f"{network.address(name)}:{PORT}"
        self.life = 0
        self.process: subprocess.Popen | None = None
        self.clock_file = folder / f"{name}.clock"
        self.arguments: list[str] = []

    def option(self, name: str, value: str):
        """Another value for it, from the next life on."""
        self.arguments[self.arguments.index(name) + 1] = value

    def start(self):
        self.life += 1
        history = self.folder / f"{self.name}-{self.life}.jsonl"
        command = within(self.name, "env", f"LD_PRELOAD={self.programs}/hedgerow-chaos-clock.so",
                         f"HEDGEROW_CHAOS_CLOCK={self.clock_file}",
                         f"{self.programs}/hedgerow-chaos-worker", "--name", self.name,
                         "--life", str(self.life), "--listen", self.address,
                         "--history", str(history), *self.arguments)
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True)

    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: signal.Signals) -> bool:
        """Whether there was somebody to signal."""
        if not self.runs():
            return False
        self.process.send_signal(number)
        return True

    def kill(self) -> bool:
        hit = self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
        return hit

    def stop(self) -> bool:
        """In good order; whether it did so within its time."""
        return self.signal(signal.SIGTERM) and self.wait_stopped()

    def wait_stopped(self) -> bool:
        """After SIGTERM."""
        self.signal(signal.SIGCONT)
        try:
            return self.process.wait(GRACE) == 0
        except subprocess.TimeoutExpired:
            self.kill()
            return False

    def is_paused(self) -> bool:
        try:
            state = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, AttributeError):
            return False
        return state == "T"

    def wait_paused(self) -> bool:
        deadline = time.monotonic() + 1.0
        while not self.is_paused():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.001)
        return True

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))
