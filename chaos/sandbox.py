"""A machine within the machine: processes, mounts, networks and shared memory of a run's own.

Whatever ends the run, the kernel takes all of it down with the run's first process. Only its folder
is left by a run that was killed; the next one removes it. Needs root.
"""

import ctypes
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
MS_REC, MS_PRIVATE, MS_NOSUID = 0x4000, 1 << 18, 2
PR_SET_PDEATHSIG = 1
PREFIX = "hedgerow-chaos-"
ROOM = 1 << 30

libc = ctypes.CDLL(None, use_errno=True)


class NoRoot(Exception):
    """What the run needs is not permitted."""


def check(result: int, what: str):
    if result != 0:
        number = ctypes.get_errno()
        raise NoRoot(f"{what}: {os.strerror(number)}; run it as root on a kernel with namespaces")


def mount(kind: str, where: Path, options: str = ""):
    check(libc.mount(b"none", str(where).encode(), kind.encode(), MS_NOSUID, options.encode()),
          f"mount {kind} on {where}")


def base() -> Path:
    """In memory if there is room: a cluster has a thousand files."""
    memory = Path("/dev/shm")
    if "TMPDIR" in os.environ or not memory.is_dir():
        return Path(tempfile.gettempdir())
    room = os.statvfs(memory)
    return memory if room.f_bavail * room.f_frsize >= ROOM else Path(tempfile.gettempdir())


def remove_leftovers():
    for folder in base().glob(PREFIX + "*"):
        owner = folder.name.removeprefix(PREFIX).split("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists():
            shutil.rmtree(folder, ignore_errors=True)


def enter():
    """In the child: private mounts, its own /proc, and no other run's networks."""
    check(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL), "prctl")
    os.setsid()
    check(libc.unshare(CLONE_NEWNS | CLONE_NEWIPC), "unshare")
    check(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "private mounts")
    mount("proc", Path("/proc"))
    networks = Path("/run/netns")
    networks.mkdir(parents=True, exist_ok=True)
    mount("tmpfs", networks)


def run(what) -> int:
    """what(folder) in a sandbox; its exit code. SIGINT and SIGTERM end it in good order."""
    if os.geteuid() != 0:
        raise NoRoot("chaos makes network namespaces, and needs root for it: run it as root")
    remove_leftovers()
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=base()))
    folder.chmod(0o755)
    try:
        check(libc.unshare(CLONE_NEWPID), "unshare")
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            os._exit(inside(what, folder))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: os.kill(child, signal.SIGTERM))
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else 128 - code
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def interrupted(*_ignored):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def inside(what, folder: Path) -> int:
    code = 1
    try:
        signal.signal(signal.SIGTERM, interrupted)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        enter()
        code = what(folder)
    except KeyboardInterrupt:
        print("chaos: interrupted", file=sys.stderr)
        code = 130
    except NoRoot as why:
        print(f"chaos: {why}", file=sys.stderr)
    except BaseException:  # os._exit shows nothing of it
        sys.excepthook(*sys.exc_info())
    sys.stdout.flush()
    sys.stderr.flush()
    return code
