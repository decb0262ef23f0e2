"""Many writers, some of whose transactions are rolled back, and a reader that follows as a gateway does."""

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import psycopg

from gateway import policy_sql
from tests.factories import KeyFactory
from tests.gateway.processes import database_url

_CHANGE = "UPDATE keys_apikey SET expires_at = clock_timestamp() WHERE id = %s"


@dataclass(frozen=True)
class Found:
    """What a reader of the feed had seen when all writers were done. All but `committed` should be 0."""

    committed: int
    missed: int
    phantom: int
    gaps: int


def run(people, *, writers: int, changes: int) -> Found:
    """Have writers change keys, five of six times to the end, and compare what a reader sees with what they did."""
    keys = [KeyFactory(organization=people.northwind) for _ in range(writers)]
    with policy_sql.connect(database_url()) as connection:
        ((first,),) = connection.execute("SELECT number FROM gateway_feed").fetchall()
    reader = Reader(first)
    reader.start()
    with ThreadPoolExecutor(writers) as pool:
        done = sum(pool.map(lambda key: write(key.pk, changes), keys), Counter())
    reader.finish()
    seen = Counter(key_id for _, key_id in reader.seen)
    numbers = [number for number, _ in reader.seen]
    return Found(
        committed=done.total(),
        missed=(done - seen).total(),
        phantom=(seen - done).total(),
        gaps=reader.holes + sum(later - earlier != 1 for earlier, later in pairwise([first, *numbers])),
    )


def write(key_id: int, changes: int) -> Counter[int]:
    """Change a key so many times. Return how many of the transactions were committed."""
    chance, committed = random.Random(key_id), 0
    with psycopg.connect(database_url()) as connection:
        for _ in range(changes):
            connection.execute(_CHANGE, (key_id,))
            if chance.random() < 1 / 6:
                if chance.random() < 0.5:  # also those that have taken a number already
                    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
                connection.rollback()
            else:
                connection.commit()
                committed += 1
    return Counter({key_id: committed})


class Reader(threading.Thread):
    """Reads the feed by the gateway's own statements, and notes each change once as it comes."""

    def __init__(self, first: int) -> None:
        super().__init__(daemon=True)
        self.seen: list[tuple[int, int]] = []
        self.holes = 0
        self._number = first
        self._stopping = threading.Event()

    def run(self) -> None:
        with policy_sql.connect(database_url()) as connection:
            while True:
                is_last_turn = self._stopping.is_set()
                changes = policy_sql.read_changes(connection, self._number)
                if changes is None:
                    self.holes += 1
                    return
                if changes.number > self._number:
                    rows = connection.execute(
                        "SELECT number, key_id FROM gateway_change WHERE number > %s AND number <= %s ORDER BY number",
                        (self._number, changes.number),
                    ).fetchall()
                    assert changes.key_ids == {key_id for _, key_id in rows}
                    self.seen += rows
                    self._number = changes.number
                elif is_last_turn:
                    return

    def finish(self) -> None:
        self._stopping.set()
        self.join(60)
