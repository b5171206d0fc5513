"""Faults of processes and networks."""

import signal
from random import Random

from hosts import between
from nemesis import ANY, FOLLOWER, LEADER, NotNow, Planned, kind


def claimed_worker(run, one: Planned):
    """The worker that is meant, and a claim on its process."""
    worker = run.pick(one, "process")
    return worker, run.nemesis.claim(f"process {worker.name}")


def end_worker(run, one: Planned, how):
    worker, claim = claimed_worker(run, one)
    with claim:
        run.tell(one, [worker.name])
        ran = worker.runs()
        if not how(worker):
            if ran:
                run.crashes.append(f"{worker.name}, life {worker.life}, did not end as it was told")
            raise NotNow
        run.hold(one)
        worker.start()
    return [worker.name], {}


@kind("kill", (0.0, 2.0), (LEADER, FOLLOWER, ANY))
def kill(run, one: Planned):
    return end_worker(run, one, lambda worker: worker.kill())


@kind("stop", (0.0, 2.0), (LEADER, FOLLOWER))
def stop(run, one: Planned):
    return end_worker(run, one, lambda worker: worker.stop())


@kind("pause", (0.5, 5.0), (LEADER, LEADER, FOLLOWER))
def pause(run, one: Planned):
    worker, claim = claimed_worker(run, one)
    with claim:
        run.tell(one, [worker.name])
        if not worker.signal(signal.SIGSTOP) or not worker.wait_paused():
            raise NotNow
        run.hold(one)
        worker.signal(signal.SIGCONT)
    return [worker.name], {}


@kind("kill_all", (0.0, 0.5))
def kill_all(run, one: Planned):
    names = [worker.name for worker in run.workers.values()]
    with run.nemesis.claim(*(f"process {name}" for name in names)):
        run.tell(one, names)
        hit = [worker.name for worker in run.workers.values()
               if worker.signal(signal.SIGKILL)]
        for worker in run.workers.values():
            worker.kill()
        run.hold(one)
        for worker in run.workers.values():
            worker.start()
    if not hit:
        raise NotNow
    return names, {}


def cut(run, one: Planned, hosts: list[str], pairs: list[tuple[str, str]]):
    run.tell(one, hosts)
    run.network.cut(pairs)
    try:
        if not all(run.network.loses(*pair) for pair in pairs):
            raise NotNow
        run.hold(one)
    finally:
        run.network.heal(pairs)
    return hosts, {"pairs": pairs}


def others(run, name: str) -> list[str]:
    return [worker for worker in run.workers if worker != name]


@kind("one_way_cut", (0.5, 4.0), (LEADER, ANY))
def one_way_cut(run, one: Planned):
    """What one says, another does not hear; or what nobody hears, or what one does not hear."""
    name = run.pick(one).name
    rest = others(run, name)
    if one.more < 0.4:
        pairs = [(name, rest[one.number % len(rest)])]
    elif one.more < 0.7:
        pairs = [(name, other) for other in rest]
    else:
        pairs = [(other, name) for other in rest]
    return cut(run, one, [name], pairs)


@kind("two_way_cut", (0.5, 4.0), (LEADER, ANY))
def two_way_cut(run, one: Planned):
    name = run.pick(one).name
    rest = others(run, name)
    return cut(run, one, [name], between([name], [rest[one.number % len(rest)]]))


@kind("halves", (0.5, 4.0))
def halves(run, one: Planned):
    """Both reach the database."""
    names = list(run.workers)
    Random(one.number).shuffle(names)
    middle = len(names) // 2
    return cut(run, one, names[:middle], between(names[:middle], names[middle:]))


@kind("database_cut", (0.5, 4.0), (LEADER, LEADER, ANY))
def database_cut(run, one: Planned):
    """One does not reach the database, or, in half of the cases, is not answered by it."""
    name = run.pick(one).name
    pair = (name, run.database.host) if one.more < 0.5 else (run.database.host, name)
    return cut(run, one, [name], [pair])


@kind("members_cut", (0.5, 4.0), (LEADER,))
def members_cut(run, one: Planned):
    """The leader reaches the database and no member."""
    name = run.pick(one).name
    return cut(run, one, [name], between([name], others(run, name)))


def unplug(run, one: Planned, how):
    name = run.pick(one, "link").name
    with run.nemesis.claim(f"link {name}"):
        run.tell(one, [name])
        how(name)
        try:
            if not run.network.unreachable(name):
                raise NotNow
            run.hold(one)
        finally:
            run.network.link_up(name)
    return [name], {}


@kind("link_down", (0.5, 3.0), (LEADER, ANY))
def link_down(run, one: Planned):
    return unplug(run, one, run.network.link_down)


@kind("local_blackhole", (0.5, 3.0), (LEADER, ANY))
def local_blackhole(run, one: Planned):
    return unplug(run, one, run.network.blackhole)
