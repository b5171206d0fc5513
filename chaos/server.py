"""One PostgreSQL on a host, with everything that can happen to one.

Its files are on a small disk of their own, in memory: processes die here, machines do not.
"""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import sandbox
from hosts import Failed, pids_in, within

PATIENCE = 60.0
DISK = "192m"
# Without the retry's interval a standby asks for 5 s for more before it lets itself be promoted.
# WAL is kept for a standby that receives nothing for some leases.
SETTINGS = """
listen_addresses = '*'
shared_buffers = '16MB'
dynamic_shared_memory_type = mmap
max_connections = 60
min_wal_size = '8MB'
max_wal_size = '32MB'
wal_keep_size = '32MB'
wal_retrieve_retry_interval = '100ms'
log_line_prefix = '%m [%p] %u %e '
"""
HBA = "local all all trust\nlocal replication all trust\nhost all all all trust\n"


def program(name: str) -> str:
    found = max(Path("/usr/lib/postgresql").glob("*/bin"),
                key=lambda one: int(one.parent.name), default=None)
    if found is None:
        raise Failed("there is no PostgreSQL; install the package postgresql")
    return str(found / name)


def as_postgres(*command: str) -> list[str]:
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]


class Server:
    """Calls of one thread at a time, but for `psql`."""

    def __init__(self, folder: Path, host: str, port: int):
        self.folder = folder
        self.host = host
        self.port = port
        self.process: subprocess.Popen | None = None
        self.log = folder / "log"
        self.disk = folder / "disk"
        self.data = self.disk / "data"
        for made in (folder, self.disk):
            made.mkdir()
        sandbox.mount("tmpfs", self.disk, f"size={DISK}")
        for one in (folder, self.disk):
            subprocess.run(["chown", "postgres:postgres", str(one)], check=True)

    def run(self, name: str, *arguments: str):
        """One of PostgreSQL's programs."""
        with self.log.open("ab") as log:
            done = subprocess.run(as_postgres(program(name), *arguments), cwd=self.folder,
                                  stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False,
                                  timeout=PATIENCE)
        if done.returncode != 0:
            raise Failed(f"{name} failed: {self.told()}")

    def make(self):
        """A cluster of its own. Starts it."""
        self.run("initdb", f"--pgdata={self.data}", "--username=postgres", "--auth=trust",
                 "--encoding=UTF8", "--no-locale", "--wal-segsize=1", "--no-sync")
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(SETTINGS)
        (self.data / "pg_hba.conf").write_text(HBA)
        self.start()

    def follow(self, primary: "Server"):
        """A standby of that one, made anew, whatever it was before. Starts it."""
        self.kill9()
        shutil.rmtree(self.data, ignore_errors=True)
        self.run("pg_basebackup", f"--pgdata={self.data}", "--write-recovery-conf",
                 "--wal-method=stream", "--checkpoint=fast", "--no-sync", "--dbname="
                 f"user=postgres host={primary.folder} port={primary.port}")
        self.start()

    def promote(self):
        """A standby: no longer. Errors: Failed."""
        if self.psql("SELECT pg_promote(true, 30)") != "t":
            raise Failed(f"the standby is not promoted; its log:\n{self.told()}")

    def told(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    def psql(self, sql: str, database: str = "app", check: bool = True) -> str:
        """Over the socket in its folder, which no cut reaches."""
        done = subprocess.run(["psql", "--no-psqlrc", "-XAtqc", sql, "-h", str(self.folder), "-p",
                               str(self.port), "-U", "postgres", database],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=PATIENCE, check=False,
                              env={**os.environ, "PGCONNECT_TIMEOUT": "5"})
        if check and done.returncode != 0:
            raise Failed(f"psql: {done.stderr.strip()}")
        return done.stdout.strip()

    def wait_for(self, sql: str, what: str):
        """Until the answer is yes. Errors: Failed."""
        deadline = time.monotonic() + PATIENCE
        while self.psql(sql, "postgres") != "t":
            if time.monotonic() > deadline:
                raise Failed(f"PostgreSQL: {what}; its log:\n{self.told()}")
            time.sleep(0.02)

    def ready(self) -> bool:
        try:
            return self.psql("SELECT 1", "postgres", check=False) == "1"
        except subprocess.TimeoutExpired:
            return False

    def spawn(self):
        settings = [f"port={self.port}", f"unix_socket_directories={self.folder}"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                within(self.host, *as_postgres(program("postgres"), "-D", str(self.data),
                                               *(word for one in settings
                                                 for word in ("-c", one)))),
                cwd=self.data, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)

    def start(self):
        """Waits until it serves. What a crash left is recovered by the server itself."""
        deadline = time.monotonic() + PATIENCE
        while True:
            if self.process is None or self.process.poll() is not None:
                self.kill9()
                self.spawn()
            if self.ready():
                return
            if time.monotonic() > deadline:
                raise Failed(f"PostgreSQL does not serve; its log:\n{self.told()}")
            time.sleep(0.05)

    def stop(self):
        """Without waiting for sessions."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill9()
        self.process = None

    def close(self):
        self.stop()
        subprocess.run(["umount", "--lazy", str(self.disk)], check=False, timeout=PATIENCE)

    def kill9(self):
        """When it returns, nothing of it is left that could take or answer a statement."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        while left := pids_in(self.data):
            for pid in left:
                self.signal(pid, signal.SIGKILL)
            time.sleep(0.01)
        self.process = None
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    @staticmethod
    def signal(pid: int, number: signal.Signals) -> bool:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True

    def sessions(self) -> list[int]:
        told = self.psql("SELECT pid FROM pg_stat_activity WHERE usename = 'app'", "postgres",
                         check=False)
        return [int(pid) for pid in told.split()]

    def terminate_sessions(self) -> int:
        told = self.psql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                         " WHERE usename = 'app'", "postgres", check=False)
        return int(told or 0)

    def everything(self) -> list[int]:
        """The postmaster first: then there is nobody to start others."""
        first = [] if self.process is None else [self.process.pid]
        return first + [pid for pid in pids_in(self.data) if pid not in first]
