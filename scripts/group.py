"""Agents as child processes on this machine, for the demo and the benchmarks."""

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path


class Failed(Exception):
    """Something did not happen within its deadline."""


def command_path() -> str:
    built = Path(__file__).resolve().parent.parent / "build" / "release" / "bin" / "hedgerow"
    path = os.environ.get("HEDGEROW_COMMAND", str(built))
    if not os.access(path, os.X_OK):
        raise Failed(f"there is no program {path}; build it with: ./dev build")
    return path


def duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


class Agent:
    """One `hedgerow agent --json`, and what it has told, with the time of arrival."""

    def __init__(self, name: str, arguments: list[str], log: Path, environment: dict,
                 changed: threading.Condition):
        self.name = name
        self.log = log
        self.changed = changed
        self.events: list[tuple[float, dict]] = []  # guarded by changed
        with log.open("wb") as stderr:
            # A session of its own: Ctrl-C is for the demo, which then ends its agents.
            self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=stderr,
                                            env=environment, start_new_session=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            arrived = time.monotonic()
            with self.changed:
                self.events.append((arrived, json.loads(line)))
                self.changed.notify_all()
        with self.changed:  # it has ended: whoever waits looks again
            self.changed.notify_all()

    def latest(self, event: str) -> dict | None:
        return next((e for _, e in reversed(self.events) if e["event"] == event), None)

    def first(self, event: str, since: float, holds) -> tuple[float, dict] | None:
        """The first such event after `since` for which `holds`, with its time of arrival."""
        return next(((at, e) for at, e in self.events
                     if at >= since and e["event"] == event and holds(e)), None)

    def members(self) -> list[str]:
        view = self.latest("view")
        return [m["name"] for m in view["members"]] if view else []

    def leads(self) -> bool:
        told = self.latest("leadership")
        return bool(told and told["leading"])


class Group:
    """The agents that run, and a way to wait for what they tell."""

    def __init__(self, command: str, folder: Path, lease: str, *, store: str = "",
                 clock: str = "", environment: dict | None = None, secret_file: str = ""):
        """By default on a file in the folder, the clock that goes with the store, in plain text."""
        self.command = command
        self.folder = folder
        self.lease = lease
        self.store = store or str(folder / "hedgerow.db")
        self.clock = ["--clock", clock] if clock else []
        self.security = ["--secret-file", secret_file] if secret_file else []
        self.environment = {k: v for k, v in (environment or os.environ).items()
                            if not k.startswith("HEDGEROW_")}
        self.changed = threading.Condition()
        self.agents: dict[str, Agent] = {}
        self.gone: list[Agent] = []

    def start(self, name: str, zone: str):
        self.agents[name] = self.extra(name, zone)

    def extra(self, name: str, zone: str) -> Agent:
        """An agent that nobody here counts on; whoever starts it ends it."""
        arguments = [self.command, "agent", "--json", "--name", name, "--store", self.store,
                     "--lease", self.lease, "--zone", zone, "--log-level", "info", *self.clock,
                     *self.security]
        return Agent(name, arguments, self.folder / f"{name}.log", self.environment, self.changed)

    def lose(self, name: str, number: signal.Signals) -> float:
        """Signals an agent, stops to count on it, and returns the time."""
        agent = self.agents.pop(name)
        self.gone.append(agent)
        at = time.monotonic()
        agent.process.send_signal(number)
        return at

    def wait(self, what: str, patience: float, holds):
        """The first result of `holds` that is true."""
        deadline = time.monotonic() + patience
        with self.changed:
            while not (result := holds()):
                for agent in self.agents.values():
                    if agent.process.poll() is not None:
                        raise Failed(f"agent {agent.name} ended by itself, with status "
                                     f"{agent.process.returncode}")
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Failed(f"{what} did not happen within {duration(patience)}")
                self.changed.wait(left)
            return result

    def leader(self) -> str | None:
        leading = [a.name for a in self.agents.values() if a.leads()]
        return leading[0] if len(leading) == 1 else None

    def next_leader(self, since: float):
        """(time, name, token) of the first agent that has begun to lead since then."""
        found = [(told[0], a.name, told[1]["token"]) for a in self.agents.values()
                 if (told := a.first("leadership", since, lambda e: e["leading"]))]
        return min(found) if found else None

    def agree(self) -> bool:
        """Whether all who run hold one and the same view, of exactly them."""
        views = [a.latest("view") for a in self.agents.values()]
        if not all(views) or len({(v["token"], v["sequence"]) for v in views}) != 1:
            return False
        return sorted(m["name"] for m in views[0]["members"]) == sorted(self.agents)

    def without(self, name: str, since: float) -> dict[str, float] | None:
        """When each agent was told of a view without this member, once all were."""
        told = {a.name: a.first("view", since,
                                lambda e: name not in [m["name"] for m in e["members"]])
                for a in self.agents.values()}
        return {n: at[0] - since for n, at in told.items()} if all(told.values()) else None

    def run(self, *arguments: str, alone: bool = False,
            patience: float = 10) -> tuple[str, float]:
        """Output of a command, and how long it took. `alone`: it is told nothing of the group."""
        before = time.monotonic()
        where = [] if alone else ["--store", self.store, *self.security]
        try:
            done = subprocess.run([self.command, *arguments, *where],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  env=self.environment, timeout=patience, check=False)
        except subprocess.TimeoutExpired:
            raise Failed(f"hedgerow {arguments[0]} hung") from None
        if done.returncode != 0:
            raise Failed(f"hedgerow {arguments[0]} failed with {done.returncode}: {done.stderr}")
        return done.stdout, time.monotonic() - before

    def end(self):
        for agent in [*self.agents.values(), *self.gone]:
            if agent.process.poll() is None:
                agent.process.kill()
            agent.process.wait()

    def logs(self) -> str:
        text = ""
        for agent in [*self.agents.values(), *self.gone]:
            with self.changed:
                told = [f"    {json.dumps(event)[:300]}" for _, event in agent.events[-5:]]
            lines = [f"    {line}" for line in agent.log.read_text(errors="replace").splitlines()]
            text += "\n".join([f"  agent {agent.name}, its last events:", *told,
                               "  and its log:", *lines[-15:], ""])
        return text
