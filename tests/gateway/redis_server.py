"""Real Redis servers for tests: one, or a cluster of three; stopped, slow, or gone as a test wants."""

import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import hiredis

from tests.gateway.processes import free_port, wait_until


class Redis:
    """A redis-server of this test alone, on a port of this machine; nothing is kept."""

    def __init__(self, folder: Path, *options: str, port: int = 0) -> None:
        self.port = port or free_port()
        self.folder = folder / f"redis-{self.port}"
        self.folder.mkdir(exist_ok=True)
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> "Redis":
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                 "--dir", str(self.folder), *self.options],
                stdout=log, stderr=log,
            )  # fmt: skip
        wait_until(self.is_there, what="Redis is there")
        return self

    def is_there(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return bool(connection.recv(100))
        except OSError:
            return False

    def ask(self, *command: bytes | str | int):
        """Send one command over a connection of its own and return the reply; an error is returned, not raised."""
        with self.connect() as connection:
            return ask(connection, *command)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=5)

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)


def ask(connection: socket.socket, *command: bytes | str | int):
    """Send one command and return the reply; an error is returned, not raised."""
    connection.sendall(hiredis.pack_command(command))
    reader = hiredis.Reader()
    while (reply := reader.gets()) is False:
        data = connection.recv(65_536)
        assert data, "Redis closed the connection"
        reader.feed(data)
    return reply


def start_cluster(folder: Path, nodes: int = 3) -> list[Redis]:
    """Start a Redis Cluster and return its nodes, each with an equal part of the slots."""
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000")
    made = [Redis(folder, *options, "--cluster-port", str(free_port())).start() for _ in range(nodes)]
    for i, node in enumerate(made):
        first, last = 16_384 * i // nodes, 16_384 * (i + 1) // nodes - 1
        assert node.ask("CLUSTER", "ADDSLOTSRANGE", first, last) == b"OK"
        assert node.ask("CLUSTER", "SET-CONFIG-EPOCH", i + 1) == b"OK"
    for node in made[1:]:
        bus = node.options[node.options.index("--cluster-port") + 1]
        assert made[0].ask("CLUSTER", "MEET", "127.0.0.1", node.port, bus) == b"OK"
    for node in made:
        wait_until(lambda node=node: is_whole(node, nodes), within_s=30, what="the cluster is whole")
    return made


def is_whole(node: Redis, nodes: int) -> bool:
    """Whether a node of a cluster knows so many and serves all slots."""
    info = node.ask("CLUSTER", "INFO")
    return b"cluster_state:ok" in info and b"cluster_known_nodes:%d" % nodes in info


def move_slot(slot: int, source: Redis, target: Redis, all_nodes: list[Redis], between=lambda: None) -> None:
    """Move a slot with what is in it, as `redis-cli --cluster reshard` does. `between` is called while it is half-way."""
    source_id, target_id = (node.ask("CLUSTER", "MYID") for node in (source, target))
    assert target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id) == b"OK"
    assert source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id) == b"OK"
    while names := source.ask("CLUSTER", "GETKEYSINSLOT", slot, 100):
        for name in names:
            source.ask("MIGRATE", "127.0.0.1", target.port, name, 0, 5000)
    between()
    for node in (target, source, *(n for n in all_nodes if n not in (source, target))):
        assert node.ask("CLUSTER", "SETSLOT", slot, "NODE", target_id) == b"OK"


class SlowWay:
    """A way to Redis that can be made slow: each piece of an answer arrives `delay_s` later."""

    def __init__(self, port: int) -> None:
        self.delay_s = 0.0
        self._port = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._sockets = [self._server]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for each in self._sockets:
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._port))
            except OSError:
                near.close()
                continue
            self._sockets += [near, far]
            threading.Thread(target=self._carry, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._carry, args=(far, near, True), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        try:
            while data := source.recv(65_536):
                if is_answer and self.delay_s:
                    time.sleep(self.delay_s)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Monitor:
    """Watches what a Redis stores: every admission with the time that its ring has for it."""

    def __init__(self, redis: Redis) -> None:
        self._connection = socket.create_connection(("127.0.0.1", redis.port), timeout=10)
        self._connection.sendall(b"MONITOR\r\n")
        assert self._connection.recv(5) == b"+OK\r\n"
        self._connection.settimeout(None)
        self.said = b""
        """All that Redis was told, once it has stopped."""
        self._chunks: list[bytes] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            while data := self._connection.recv(1 << 20):
                self._chunks.append(data)
        except OSError:
            pass

    def stop(self) -> list[tuple[bytes, bytes]]:
        """Return all (name, value) that scripts stored, in order."""
        time.sleep(0.3)
        self._connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._connection.close()
        self.said = b"".join(self._chunks)
        found = []
        for line in self.said.split(b"\r\n"):
            if b' lua] "SET" ' in line:
                name, value = line.split(b' lua] "SET" ', 1)[1].split(b'" "')[:2]
                found.append((name[1:], _unescape(value)))
        return found


def _unescape(text: bytes) -> bytes:
    return text.decode("unicode_escape").encode("latin-1")
