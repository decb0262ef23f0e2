"""Kill -9 under load, with clients that keep their own ledger."""

import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from keys.models import ApiKey, KeyProduct
from tests.factories import KeyFactory, products, string_of
from tests.gateway.postgres_server import Postgres
from tests.gateway.processes import Gateway, wait_until

VICTIMS = ("gateway", "shipper", "PostgreSQL")


class Caller(threading.Thread):
    """One connection with a key of its own, one request at a time; it connects again after a kill."""

    def __init__(self, port: int, key: ApiKey, pause_s: float) -> None:
        super().__init__(daemon=True)
        self.key_id = key.pk
        self.answered = 0
        self.unanswered = 0
        """Requests that were sent and got no whole answer: each may be counted or not."""
        self.turned_away = 0
        """Answers 503, before the keys were loaded: of no key, so not counted for this one."""
        self.wrong: set[bytes] = set()
        self._port = port
        self._pause_s = pause_s
        self._request = (
            "GET /authorize HTTP/1.1\r\nHost: x\r\nX-Original-URI: /map/1/x\r\n"
            f"X-Api-Key: {string_of(key)}\r\nTracking-ID: {key.pk}-%d\r\n\r\n"
        )
        self._serial = 0
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self._port), timeout=5) as connection:
                    self._ask(connection)
            except OSError:
                time.sleep(0.01)

    def _ask(self, connection: socket.socket) -> None:
        while not self._stopping.is_set():
            self._serial += 1
            time.sleep(self._pause_s)
            connection.sendall((self._request % self._serial).encode())
            try:
                received = connection.recv(65_536)
            except OSError:
                received = b""
            if b"\r\n\r\n" not in received:
                self.unanswered += 1
                return
            status = received[9:12]
            if status == b"200":
                self.answered += 1
            elif status == b"503":
                self.turned_away += 1
                time.sleep(0.01)
            else:
                self.wrong.add(status)

    def finish(self) -> None:
        self._stopping.set()
        self.join(10)


@dataclass(frozen=True)
class Ledger:
    """What clients saw beside what was counted, over all keys."""

    kills: int
    answered: int
    unanswered: int
    recorded: int
    lost: int
    doubled: int
    counted_unanswered: int
    turned_away: int


def run(
    people, postgres: Postgres, make_gateway: Callable[..., Gateway], *, kills: int, clients: int, seed: int,
    pause_s: float = 0,
) -> Ledger:  # fmt: skip
    """Kill the gateway, its shipper and PostgreSQL by turns at random moments. Return the ledger once all is shipped.

    Clients wait `pause_s` between two requests.
    """
    chance = random.Random(seed)
    keys = [KeyFactory(organization=people.northwind, products=products("map-display")) for _ in range(clients)]
    KeyProduct.objects.update(qps_limit=1_000_000)
    postgres.fill()
    gateway = make_gateway(DATABASE_URL=postgres.url).start()
    callers = [Caller(gateway.port, key, pause_s) for key in keys]
    for caller in callers:
        caller.start()
    for turn in range(kills):
        time.sleep(chance.uniform(0.1, 0.7))
        kill(VICTIMS[turn % len(VICTIMS)], postgres, gateway)
    time.sleep(0.2)
    for caller in callers:
        caller.finish()
    assert gateway.stop() == 0, gateway.log()
    assert not set().union(*(caller.wrong for caller in callers))
    wait_until(lambda: not list(gateway.folder.glob("*.journal")), within_s=20, what="shipped segments are deleted")
    return balance(postgres, callers, kills)


def kill(victim: str, postgres: Postgres, gateway: Gateway) -> None:
    """Kill one process and start it again, unless its parent does that."""
    if victim == "gateway":
        gateway.kill()
        gateway.start()
    elif victim == "shipper":
        wait_until(gateway.shipper_pid, within_s=8, what="there is a shipper")
        os.kill(gateway.shipper_pid() or 0, signal.SIGKILL)
    else:
        postgres.kill()
        postgres.start()


def balance(postgres: Postgres, callers: list[Caller], kills: int) -> Ledger:
    with postgres.connect() as raw:
        by_table = [
            dict(raw.execute(f"SELECT key_id, sum(requests)::bigint FROM {table} GROUP BY 1").fetchall())
            for table in ("usage_minute", "usage_hour", "usage_day")
        ]
        twice = raw.execute("SELECT count(*) - count(DISTINCT tracking_id) FROM request_log").fetchone()
    recorded = by_table[0]
    assert recorded == by_table[1] == by_table[2]
    assert twice == (0,), "a single request is in the log twice"
    return Ledger(
        kills=kills,
        answered=sum(caller.answered for caller in callers),
        unanswered=sum(caller.unanswered for caller in callers),
        recorded=sum(recorded.values()),
        lost=sum(max(0, caller.answered - recorded.get(caller.key_id, 0)) for caller in callers),
        doubled=sum(max(0, recorded.get(caller.key_id, 0) - caller.answered - caller.unanswered) for caller in callers),
        counted_unanswered=sum(max(0, recorded.get(caller.key_id, 0) - caller.answered) for caller in callers),
        turned_away=sum(caller.turned_away for caller in callers),
    )
