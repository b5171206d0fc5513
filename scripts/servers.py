"""Scratch servers that a benchmark starts and stops itself: PostgreSQL and a single etcd.

Both listen on loopback only, keep their data in the folder given, and sync it. Servers that refuse
to be root's are those of the user postgres then, which must be able to enter the folder.
"""

import http.client
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from group import Failed

PATIENCE = 60.0
BETWEEN_LOOKS = 0.05  # a server that gets ready tells nobody


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """A process with a folder and a log, that runs within a `with`."""

    def __init__(self, name: str, folder: Path):
        self.name = name
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen | None = None
        folder.mkdir()
        self.log = folder / "log"
        self.owner = {}
        if os.geteuid() == 0:
            self.owner = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(folder, "postgres", "postgres")

    def __enter__(self):
        try:
            self.serve()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_why):
        self.end()

    def serve(self):
        raise NotImplementedError

    def ready(self) -> bool:
        raise NotImplementedError

    def run(self, *arguments: str):
        with self.log.open("ab") as log:
            done = subprocess.run(arguments, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log,
                                  stderr=log, timeout=PATIENCE, check=False, **self.owner)
        if done.returncode != 0:
            raise self.failed(f"{arguments[0]} failed with {done.returncode}")

    def start(self, *arguments: str, environment: dict | None = None):
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C is for the benchmark, which then ends its servers.
            self.process = subprocess.Popen(arguments, cwd=self.folder, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True,
                                            env=environment, **self.owner)
        deadline = time.monotonic() + PATIENCE
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise self.failed("it does not serve")
            time.sleep(BETWEEN_LOOKS)

    def failed(self, what: str) -> Failed:
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        return Failed(f"{self.name}: {what}; its log:\n{tail}")

    def end(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGINT)  # for PostgreSQL: without waiting for sessions
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Postgres(Server):
    """Durable as its defaults make it, and counting statements. Each `database` starts empty.

    The password of its one role is in a file only, which PGPASSFILE names in `environment`.
    """

    def __init__(self, folder: Path):
        super().__init__("PostgreSQL", folder)
        self.environment = {**os.environ, "PGPASSFILE": str(folder / "pgpass")}

    def serve(self):
        programs = max(Path("/usr/lib/postgresql").glob("*/bin"),
                       key=lambda found: int(found.parent.name), default=None)
        if programs is None:
            raise Failed("there is no PostgreSQL; install the package postgresql")
        password = secrets.token_hex(16)
        own = self.secret("password", password)
        if self.owner:
            shutil.chown(own, "postgres", "postgres")
        self.secret("pgpass", f"127.0.0.1:{self.port}:*:hedgerow:{password}")
        self.run(str(programs / "initdb"), "--pgdata=data", "--username=hedgerow",
                 "--auth=scram-sha-256", f"--pwfile={own}", "--encoding=UTF8", "--no-locale")
        settings = {"port": self.port, "listen_addresses": "127.0.0.1",
                    "unix_socket_directories": "", "max_connections": 200,
                    "shared_preload_libraries": "pg_stat_statements"}
        self.start(str(programs / "postgres"), "-D", "data",
                   *(f"--{name}={value}" for name, value in settings.items()))
        self.query("CREATE EXTENSION pg_stat_statements")

    def secret(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text + "\n")
        return path

    def url(self, database: str) -> str:
        return f"postgres://hedgerow@127.0.0.1:{self.port}/{database}"

    def psql(self, sql: str) -> subprocess.CompletedProcess:
        return subprocess.run(["psql", "--no-psqlrc", "--no-password", "-Atc", sql,
                               self.url("postgres")], env=self.environment, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE,
                              check=False)

    def query(self, sql: str) -> list[list[str]]:
        """The rows of a statement in the database postgres, which is nobody else's."""
        done = self.psql(sql)
        if done.returncode != 0:
            raise self.failed(done.stderr)
        return [line.split("|") for line in done.stdout.splitlines()]

    def ready(self) -> bool:
        return self.psql("SELECT 1").returncode == 0

    def database(self, name: str) -> str:
        """The URL of a new one."""
        self.query(f"CREATE DATABASE {name}")
        return self.url(name)

    def statements(self, database: str) -> dict[str, int]:
        """How often each was executed there."""
        rows = self.query("SELECT sum(calls), regexp_replace(query, '\\s+', ' ', 'g')"
                          " FROM pg_stat_statements JOIN pg_database d ON d.oid = dbid"
                          f" WHERE d.datname = '{database}' GROUP BY 2")
        return {"|".join(text): int(calls) for calls, *text in rows}

    def connections(self, database: str) -> int:
        return int(self.query("SELECT count(*) FROM pg_stat_activity"
                              f" WHERE datname = '{database}'")[0][0])


class Etcd(Server):
    """A cluster of one."""

    def __init__(self, folder: Path):
        super().__init__("etcd", folder)

    def serve(self):
        program = shutil.which("etcd")
        if program is None:
            raise Failed("there is no etcd; install the package etcd-server")
        clients, peers = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{free_port()}"
        self.start(program, "--data-dir", "data", "--listen-client-urls", clients,
                   "--advertise-client-urls", clients, "--listen-peer-urls", peers,
                   "--initial-advertise-peer-urls", peers, "--initial-cluster", f"default={peers}",
                   environment={"PATH": os.environ["PATH"],
                                # Which versions before 3.5 want to hear there, and nowhere else.
                                "ETCD_UNSUPPORTED_ARCH": "arm64"})

    def ready(self) -> bool:
        """It has a leader: a read through its log succeeds."""
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            asked.request("POST", "/v3/kv/range", '{"key":"YQ=="}')
            return asked.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            asked.close()
