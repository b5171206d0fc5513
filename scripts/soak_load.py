"""The program hedgerow-bench-soak-load as a child, and what it counts."""

import json
import os
import subprocess
import threading
from pathlib import Path

from group import Failed, Group

LAST_ANSWERS = 90.0  # more than the deadline that its calls have


def program() -> str:
    return str(Path(os.environ.get("HEDGEROW_SOAK_LOAD") or
                    Path(__file__).resolve().parent.parent / "build" / "release" / "bin" /
                    "hedgerow-bench-soak-load"))


def unanswered(counts: dict) -> str | None:
    missing = counts["asked"] - counts["answered"]
    return f"{missing} of {counts['asked']} calls were not answered" if missing else None


class Load:
    def __init__(self, group: Group, command: list[str] | None = None):
        self.last: dict = {}
        self.process = subprocess.Popen(
            command or [program(), group.store, group.security[1]], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=group.environment,
            start_new_session=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.stopping = False

    def _read(self):
        for line in self.process.stdout:
            self.last = json.loads(line)

    def counts(self) -> dict:
        return self.last

    def failure(self) -> str | None:
        """Why it has ended, if it has ended by itself or badly."""
        status = self.process.poll()
        if status is None or (self.stopping and status == 0):
            return None
        return f"the load ended with status {status}: {self.process.stderr.read().strip()}"

    def stop(self):
        """Asks it to end, and waits for that."""
        self.stopping = True
        self.process.stdin.close()
        try:
            self.process.wait(LAST_ANSWERS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join()

    def finish(self) -> int:
        """How many calls were answered: all, or it fails."""
        if not self.last:
            raise Failed("the load has counted nothing")
        if why := unanswered(self.last):
            raise Failed(why)
        return self.last["answered"]
