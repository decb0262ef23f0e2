"""Gateways as processes of their own, on the test's database."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from tests.gateway.http import Http

ROOT = Path(__file__).resolve().parents[2]


def database_url() -> str:
    """The URL of the test's database, a unix socket's folder written as PostgreSQL wants it."""
    found = connection.settings_dict
    host = quote(found["HOST"], safe="")
    password = f":{quote(found['PASSWORD'], safe='')}" if found["PASSWORD"] else ""
    port = f":{found['PORT']}" if found["PORT"] else ""
    return f"postgres://{found['USER']}{password}@{host}{port}/{found['NAME']}"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def wait_until(is_true: Callable[[], object], *, within_s: float = 10, what: str = "") -> float:
    """Wait for something to become true and return the seconds that it took."""
    started = time.monotonic()
    while not is_true():
        assert time.monotonic() - started < within_s, f"not within {within_s} s: {what or is_true}"
        time.sleep(0.01)
    return time.monotonic() - started


class Gateway:
    """A gateway process and its files."""

    def __init__(self, data_dir: Path, name: str = "test", port: int = 0, **environment: str) -> None:
        self.data_dir = data_dir
        self.name = name
        self.port = port or free_port()
        self.log_path = data_dir / f"{name}.log"
        self.environment = {
            **os.environ,
            "DATABASE_URL": database_url(),
            "KEY_PEPPERS": settings.KEY_PEPPERS,
            "KEY_PREFIX": settings.KEY_PREFIX,
            "DATA_DIR": str(data_dir),
            "GATEWAY_PORT": str(self.port),
            "GATEWAY_NAME": name,
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def folder(self) -> Path:
        return self.data_dir / "gateway" / self.name

    def start(self, *, until_ready: bool = True) -> "Gateway":
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway"], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )
        if until_ready:
            wait_until(self.is_ready, within_s=20, what=f"the gateway is ready; it said: {self.log()}")
        return self

    def is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        return self.is_listening() and self.http().ask("/readyz").status == 200

    def is_listening(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def http(self, timeout_s: float = 10) -> Http:
        return Http(self.port, timeout_s)

    def log(self) -> str:
        return self.log_path.read_text()

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> int:
        """End it in an orderly way and return its exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        return self.process.wait(15)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def shipper_pid(self) -> int | None:
        """The process ID of its shipper."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        found = children.read_text().split() if children.exists() else []
        return int(found[0]) if found else None

    def wait_shipped(self) -> None:
        """Wait until everything that was answered by now is in the database."""
        sizes = {path.name[18:54]: path.stat().st_size for path in self.folder.glob("*.journal")}

        def is_shipped() -> bool:
            left = {path.name[18:54] for path in self.folder.glob("*.journal")}
            with connection.cursor() as cursor:
                cursor.execute('SELECT segment::text, "offset" FROM gateway_journal WHERE node = %s', [self.name])
                offsets = dict(cursor.fetchall())
            return all(segment not in left or offsets.get(segment, 24) >= size for segment, size in sizes.items())

        wait_until(is_shipped, what="everything is shipped")
