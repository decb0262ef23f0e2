"""What the servers work on: PostgreSQL with 100,000 keys, Redis with the same keys, the folder of a run."""

import hashlib
import os
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks import machine, seed
from dashboard import postgres

ROOT = Path(__file__).resolve().parent.parent
PEERS = Path(__file__).resolve().parent / "peers"
QPS = 1_000
"""The limit of every key: its default for the product that the load asks for. The load stays below it."""


@dataclass(frozen=True, slots=True)
class World:
    """What is there while figures are taken. `run` is a folder with a short name, for sockets and what servers write."""

    data_dir: Path
    run: Path
    database_url: str
    database_pid: int
    strings: tuple[str, ...]


def open_world(data_dir: Path, stack: ExitStack) -> World:
    """Start PostgreSQL in a folder that is kept, and fill it if it is new."""
    database_url = postgres.start(data_dir)
    strings_path = data_dir / "strings.txt"
    environ = {**os.environ, "DEBUG": "1", "DATABASE_URL": database_url, "DATA_DIR": str(data_dir)}
    subprocess.run(
        [sys.executable, "-m", "benchmarks.seed", str(strings_path)],
        cwd=ROOT, env={**environ, "DJANGO_SETTINGS_MODULE": "dashboard.settings"}, check=True,
    )  # fmt: skip
    run = stack.enter_context(tempfile.TemporaryDirectory(prefix="latchkey-bench-"))
    Path(run).chmod(0o711)  # nginx's worker is another user, and connects to the gateway's socket in there
    return World(
        data_dir=data_dir,
        run=Path(run),
        database_url=database_url,
        database_pid=int((data_dir / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0]),
        strings=tuple(strings_path.read_text().split()),
    )


def start_redis(world: World, stack: ExitStack) -> tuple[int, int]:
    """Start a Redis that keeps nothing on disk. Return its process ID and port. Raises Missing."""
    port = machine.free_port()
    pid = machine.start(
        [
            machine.program("redis-server"),
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ],
        world.run / "redis.log",
        stack,
    )
    machine.wait_for(port)
    return pid, port


def fill_redis(world: World, port: int) -> None:
    """Put all keys into Redis as the Lua peer knows them, as many of them made up as it takes to be 100,000."""
    total = seed.ORGANIZATIONS * seed.KEYS_EACH
    strings = [*world.strings, *(f"unused-{number}" for number in range(total - len(world.strings)))]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        answers = connection.makefile("rb")
        for start in range(0, total, 1_000):
            batch = list(enumerate(strings[start : start + 1_000], start + 1))
            connection.sendall(b"".join(_store(number, string) for number, string in batch))
            for _ in batch:
                if not answers.readline().startswith(b":"):
                    raise machine.Missing("Redis does not take the keys.")


def _store(number: int, string: str) -> bytes:
    name = b"k:" + hashlib.sha256(string.encode()).digest()
    fields = {"id": number, "enabled": 1, "expires": 0, "domain": seed.DOMAIN, "limit": QPS}
    words = [b"HSET", name, *(str(word).encode() for pair in fields.items() for word in pair)]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
