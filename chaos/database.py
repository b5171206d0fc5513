"""The database: a primary and an asynchronous standby on one host, of which the second takes the
first one's place, again and again.

A primary that was followed by its standby never runs again: its files are removed, and the new
standby is made from a backup of the new primary. So each promotion takes the next number for its
timeline, and there is one history (docs/postgresql.md).
"""

import subprocess
from pathlib import Path

from hosts import Failed
from server import PATIENCE, Server, as_postgres, program
from watch import now_us

PORTS = (5432, 5433)


class Database:
    """Calls of one thread at a time, but for `psql`."""

    def __init__(self, folder: Path, host: str, address: str):
        folder.mkdir()
        folder.chmod(0o755)
        self.host = host
        self.address = address
        self.servers = [Server(folder / str(port), host, port) for port in PORTS]
        self.primary, self.standby = self.servers
        self.url = self.url_of(*self.servers)
        self.primary.make()
        self.primary.psql("CREATE ROLE app LOGIN", "postgres")
        self.primary.psql("CREATE DATABASE app OWNER app", "postgres")
        self.psql("SET ROLE app; CREATE TABLE hedgerow_chaos_counter"
                  "(value bigint NOT NULL, token bigint NOT NULL);"
                  "INSERT INTO hedgerow_chaos_counter VALUES (0, 0)")
        self.renew_standby()

    def url_of(self, *servers: Server) -> str:
        hosts = ",".join(f"{self.address}:{server.port}" for server in servers)
        return f"postgres://app@{hosts}/app?sslmode=disable&target_session_attrs=read-write"

    def close(self):
        for server in self.servers:
            server.close()

    def psql(self, sql: str) -> str:
        """On the present primary."""
        return self.primary.psql(sql)

    def timeline(self) -> int:
        name = self.psql("SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
        return int(name[:8], 16)

    def renew_standby(self):
        self.standby.follow(self.primary)
        self.standby.wait_for("SELECT count(*) = 1 FROM pg_stat_wal_receiver"
                              " WHERE status = 'streaming'", "the standby does not receive")

    def synchronize(self) -> int:
        """An instant: what was committed before it is on the standby."""
        at = now_us()
        written = self.psql("SELECT pg_current_wal_flush_lsn()")
        self.standby.wait_for(f"SELECT pg_last_wal_replay_lsn() >= '{written}'",
                              "the standby does not catch up")
        return at

    def cut_replication(self):
        """What is committed from now on does not reach the standby."""
        self.standby.psql("ALTER SYSTEM SET primary_conninfo = ''")
        self.standby.psql("SELECT pg_reload_conf()")
        self.standby.wait_for("SELECT count(*) = 0 FROM pg_stat_wal_receiver",
                              "the standby goes on receiving")

    def fail_over(self) -> dict:
        """The primary dies, and the standby takes its place with what it has. There is no standby
        then. What a history has of it (docs/history.md)."""
        died, heir = self.primary, self.standby
        before = self.timeline()
        died.kill9()
        killed = now_us()
        heir.wait_for("SELECT pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn() AND NOT EXISTS"
                      " (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')",
                      "the standby does not replay what it has received")
        value, token, end = heir.psql("SELECT value, token, pg_last_wal_replay_lsn()"
                                      " FROM hedgerow_chaos_counter").split("|")
        asked = now_us()
        heir.promote()
        self.primary, self.standby = heir, died
        after = self.timeline()
        if after != before + 1:
            raise Failed(f"the promotion led from timeline {before} to {after}")
        history = (heir.data / "pg_wal" / f"{after:08X}.history").read_text()
        if f"{before}\t{end}\t" not in history:
            raise Failed(f"timeline {after} does not begin at {end}, but so: {history}")
        return {"t": asked, "killed": killed, "ends": before, "begins": after,
                "value": int(value), "token": int(token),
                "lost": self.commits(died, before, end)}

    def promote_beside(self):
        """As nobody should: the primary goes on. There is no way back."""
        self.synchronize()
        self.standby.promote()

    @staticmethod
    def commits(server: Server, timeline: int, since: str) -> int:
        """How many there are in its log from there on. It does not run."""
        # It ends where the log does, and calls that an error.
        read = subprocess.run(as_postgres(program("pg_waldump"), f"--timeline={timeline}",
                                          f"--start={since}", "--rmgr=Transaction",
                                          f"--path={server.data / 'pg_wal'}"),
                              cwd=server.folder, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=PATIENCE, check=False)
        return sum("desc: COMMIT" in line for line in read.stdout.splitlines())
