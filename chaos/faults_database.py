"""Faults of the database and of what a host can run out of."""

import resource
import signal
import subprocess
from pathlib import Path

from hosts import within
from nemesis import ANY, FOLLOWER, LEADER, NotNow, Planned, kind

DATABASE = "database"
SPARE_DESCRIPTORS = 2
FLOODS = Path(__file__).with_name("flood.py")


@kind("database_restart")
def database_restart(run, one: Planned):
    with run.nemesis.claim(DATABASE):
        run.tell(one, [DATABASE])
        run.database.primary.stop()
        run.database.primary.start()
    return [DATABASE], {}


@kind("database_kill", (0.0, 2.0))
def database_kill(run, one: Planned):
    with run.nemesis.claim(DATABASE):
        run.tell(one, [DATABASE])
        run.database.primary.kill9()
        run.hold(one)
        run.database.primary.start()
    return [DATABASE], {}


def promoted(run, one: Planned, lags: bool):
    """What a history says of the promotion is written at once, for checks split by it."""
    with run.nemesis.claim(DATABASE):
        run.tell(one, [DATABASE])
        since = run.database.synchronize()
        if lags:
            run.database.cut_replication()
            run.hold(one)
        told = run.database.fail_over()
        run.nemesis.write({"e": "promotion", "since": since, **told})
        run.database.renew_standby()
    return [DATABASE], {"timeline": told["begins"], "lost": told["lost"]}


@kind("database_promotion")
def database_promotion(run, one: Planned):
    """The primary dies, and a standby that has nearly everything takes its place."""
    return promoted(run, one, False)


@kind("database_loses_commits", (0.2, 3.0))
def database_loses_commits(run, one: Planned):
    """The same, and the standby had received nothing for a while."""
    return promoted(run, one, True)


@kind("database_frozen", (0.5, 3.0))
def database_frozen(run, one: Planned):
    """In half of the cases only the sessions: new ones are served."""
    with run.nemesis.claim(DATABASE):
        run.tell(one, [DATABASE])
        server = run.database.primary
        pids = server.sessions() if one.more < 0.5 else server.everything()
        stopped = [pid for pid in pids if server.signal(pid, signal.SIGSTOP)]
        try:
            if not stopped:
                raise NotNow
            run.hold(one)
        finally:
            for pid in reversed(stopped):
                server.signal(pid, signal.SIGCONT)
    return [DATABASE], {"processes": len(stopped)}


@kind("sessions_terminated")
def sessions_terminated(run, one: Planned):
    with run.nemesis.claim(DATABASE):
        run.tell(one, [DATABASE])
        if not (ended := run.database.primary.terminate_sessions()):
            raise NotNow
    return [DATABASE], {"sessions": ended}


@kind("disk_full", (0.5, 2.0))
def disk_full(run, one: Planned):
    """Of the database, which may well crash of it; then it is started again once there is room."""
    with run.nemesis.claim(DATABASE):
        run.tell(one, [DATABASE])
        filling = run.database.primary.disk / "filling"
        written = 0
        with filling.open("wb", buffering=0) as file:
            try:
                while True:
                    written += file.write(bytes(1 << 16))
            except OSError:
                pass
        try:
            run.hold(one)
        finally:
            filling.unlink()
            run.database.primary.start()
        if not written:
            raise NotNow
    return [DATABASE], {"bytes": written}


@kind("descriptors", (0.5, 3.0), (LEADER, FOLLOWER))
def descriptors(run, one: Planned):
    """A worker may open hardly any more: the limit is moved below what it has."""
    worker = run.pick(one, "process")
    with run.nemesis.claim(f"process {worker.name}"):
        if not worker.runs():
            raise NotNow
        pid = worker.process.pid
        run.tell(one, [worker.name])
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        limit = worker.descriptors() + SPARE_DESCRIPTORS
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, hard))
        run.hold(one)
        if worker.runs():
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
    return [worker.name], {"limit": limit}


@kind("flood", (0.5, 3.0), (LEADER, ANY))
def flood(run, one: Planned):
    """Another host sends garbage to the port, over many connections."""
    worker = run.pick(one, "flood")
    source = next(name for name in run.workers if name != worker.name)
    with run.nemesis.claim(f"flood {worker.name}"):
        run.tell(one, [worker.name])
        sent = subprocess.run(within(source, "python3", str(FLOODS), worker.address,
                                     str(one.number), f"{max(one.seconds, 0.2):.3f}"),
                              capture_output=True, text=True, timeout=one.seconds + 30, check=False)
        if sent.returncode != 0 or not int(sent.stdout or 0):
            raise NotNow
    return [worker.name], {"bytes": int(sent.stdout)}


def disturbed(run, one: Planned, milliseconds: float, jitter: float, loss: float):
    """Both ways between two workers, or between one and the database."""
    name = run.pick(one).name
    others = [other for other in [*run.workers, run.database.host] if other != name]
    other = others[one.number % len(others)]
    run.tell(one, [name, other])
    with run.nemesis.claim(f"path {name}-{other}", f"path {other}-{name}"):
        count = run.packets.disturb((name, other), milliseconds, jitter, loss)
        run.hold(one)
        touched = run.packets.restore(count)
    if not touched:
        raise NotNow
    return [name, other], {"ms": milliseconds, "loss": loss, "packets": touched,
                           "pairs": [[name, other]]}


@kind("delay", (0.5, 4.0), (LEADER, ANY))
def delay(run, one: Planned):
    return disturbed(run, one, 20 + 400 * one.more, 0.5, 0.0)


@kind("loss", (0.5, 4.0), (LEADER, ANY))
def loss(run, one: Planned):
    return disturbed(run, one, 1, 0.0, 0.05 + 0.45 * one.more)
