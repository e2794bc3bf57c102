"""A genuine PostgreSQL server for tests, of Debian's package or the path, on a folder of its own; at most one a test run, with faults on command.

Without its programs tests skip by name, or fail when KEEPSIGHT_REQUIRE_ALL=1 says that nothing may be skipped.
"""

import atexit
import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterable
from pathlib import Path

from tests.kafka_cluster import missing

PASSWORD = "p@ss word/of:tests"
PATIENCE_S = 60.0


class Server:
    """One server, user `keepsight` with a password. Stopping and starting again keeps port and data."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="keepsight-postgres-"))
        self._user = "postgres" if os.getuid() == 0 else None  # the server refuses to run as root
        if self._user:
            shutil.chown(self._folder, self._user)
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self._run(
            "initdb",
            "-D",
            str(self._data),
            "-U",
            "keepsight",
            "-A",
            "scram-sha-256",
            "--pwfile",
            str(secret),
            "--no-sync",
            "-E",
            "UTF8",
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.start()
        atexit.register(self.end)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def url(self, database: str) -> str:
        """Of a database, without the password."""
        return f"postgresql://keepsight@127.0.0.1:{self.port}/{database}"

    def database(self) -> str:
        """A new, empty database."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.sql("postgres", f"CREATE DATABASE {name}")
        return name

    def sql(self, database: str, statement: str) -> None:
        """Run one statement."""
        import psycopg

        with psycopg.connect(self.url(database), password=PASSWORD, autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[arg-type]  # a test's own text

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c max_connections=40"
        self._run("pg_ctl", "-D", str(self._data), "-w", "-l", str(self._folder / "server.log"), "-o", options, "start")

    def stop(self) -> None:
        """As a crash does: no goodbye to any client, and the log is replayed at the next start."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "-m", "immediate", "stop")

    def freeze(self) -> None:
        """Nothing of it runs any more; its sockets stay open."""
        self._signal(self._processes(), signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on where it stood."""
        self._signal(reversed(self._processes()), signal.SIGCONT)

    def end(self) -> None:
        """Stop it for good."""
        self.thaw()
        subprocess.run(
            [self._programs / "pg_ctl", "-D", self._data, "-m", "immediate", "stop"],
            user=self._user,
            capture_output=True,
            check=False,
        )
        shutil.rmtree(self._folder, ignore_errors=True)

    def _signal(self, processes: Iterable[int], number: int) -> None:
        for pid in processes:
            with contextlib.suppress(ProcessLookupError):  # a backend that ended just now
                os.kill(pid, number)

    def _processes(self) -> list[int]:
        """The postmaster, then its children."""
        pid_file = self._data / "postmaster.pid"
        if not pid_file.exists():
            return []
        parent = int(pid_file.read_text().split("\n")[0])
        children = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it ended just now
            if int(fields[1]) == parent:
                children.append(int(stat.parent.name))
        return [parent, *children]

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            user=self._user,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=PATIENCE_S,
        )
        if done.returncode:
            said = self._folder / "server.log"
            raise RuntimeError(f"{program}: {done.stderr.decode()[-1000:]} {said.read_text()[-1000:] if said.exists() else ''}")


@functools.cache
def _started(programs: Path) -> Server:
    return Server(programs)


def server() -> Server:
    """The run's server, started now if need be. Skips or fails the test when PostgreSQL or its driver is not installed."""
    try:
        import psycopg  # noqa: F401
    except ImportError:
        missing("install keepsight[postgres]")
    found = [*Path("/usr/lib/postgresql").glob("*/bin/initdb"), *map(Path, filter(None, [shutil.which("initdb")]))]
    if not found:
        missing("install PostgreSQL (apt-get install postgresql)")
    return _started(max(found, key=lambda path: path.parts).parent)
