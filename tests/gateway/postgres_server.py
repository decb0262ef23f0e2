"""A PostgreSQL of one test alone, with a copy of the test's database: stopped, killed, started again as the test wants."""

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psycopg

from dashboard import postgres
from dashboard.secrets import EMBEDDED_MARK
from tests.gateway.processes import database_url, wait_until

ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


class Postgres:
    """A server whose address stays the same over restarts."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "postgres"
        self._log = folder / "postgres.log"
        # A socket's path has room for about a hundred characters; gateways in development mode take no other name.
        self._sockets = Path(tempfile.mkdtemp(prefix=EMBEDDED_MARK))
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"postgres://postgres@{quote(str(self._sockets), safe='')}/latchkey"
        postgres.own(self._sockets)
        postgres.initialise(self._data)

    def start(self) -> "Postgres":
        self._process = postgres.launch(self._data, self._sockets, self._log)
        wait_until(self._answers, within_s=60, what="PostgreSQL is there")
        return self

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            said = self._log.read_text()[-800:]
            assert "pre-existing shared memory block" in said, said  # children of one that was killed still have it
            self._process = postgres.launch(self._data, self._sockets, self._log)
        try:
            psycopg.connect(self._maintenance_url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    @property
    def _maintenance_url(self) -> str:
        return self.url.rsplit("/", 1)[0] + "/postgres"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def fill(self) -> "Postgres":
        """Copy what the test's database holds by now, as committed."""
        with psycopg.connect(self._maintenance_url, autocommit=True) as raw:
            raw.execute("CREATE DATABASE latchkey")
        dump = subprocess.run(
            [postgres.program("pg_dump"), "--dbname", database_url()],
            env=ENVIRONMENT, capture_output=True, check=True,
        )  # fmt: skip
        psql = [postgres.program("psql"), "--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--dbname", self.url]
        subprocess.run(psql, input=dump.stdout, env=ENVIRONMENT, stdout=subprocess.DEVNULL, check=True)
        return self

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.url, autocommit=True)

    def value(self, statement: str, *values: object):
        """The one value that a query returns."""
        with self.connect() as raw:
            row = raw.execute(statement, values).fetchone()
        assert row is not None
        return row[0]

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the server and all its processes."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        for pid in (self.pid, *map(int, children)):
            with suppress(ProcessLookupError):  # a child that ended in between
                os.kill(pid, number)

    def kill(self) -> None:
        """End it as a crash does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)
        # Its children notice by themselves; the next server waits for the last one to let go of the shared memory.

    def stop(self) -> None:
        """End it in an orderly way, without waiting for whoever is connected."""
        if self._process is not None and self._process.poll() is None:
            self.send(signal.SIGCONT)
            self._process.send_signal(signal.SIGINT)
            self._process.wait(20)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._sockets, ignore_errors=True)
