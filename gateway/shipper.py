"""Carry the journal into PostgreSQL: `python -m gateway.shipper`, started and kept by the gateway.

A batch is one transaction: the row of the segment is locked, records from its offset on are read and added, the offset moves.
Killed anywhere, it neither loses nor doubles; two shippers on one folder take turns. Segments that nobody writes any more
and that are in the database as a whole are deleted.
"""

import argparse
import logging
import os
import signal
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import psycopg

from dashboard.postgres import die_with_parent
from dashboard.stopping import Stopping
from gateway import batches, once, policy_sql, segments, usage
from gateway import config as configuration
from gateway.batches import Tally
from gateway.config import Config, ConfigError
from gateway.records import MAX_FRAME
from gateway.segments import Reader, Reading, Segment

log = logging.getLogger("latchkey.shipper")

POLL_S = 0.25
# What costs most is a row per key in use, however many requests it stands for: after a batch that took long the next one waits
# longer, so that shipping takes a few per cent of a core. Usage is seen within some seconds all the same.
_REST = 25
_REST_MAX_S = 4.0
_NICENESS = 5
BATCH_BYTES = 4 * 1024 * 1024
_RETRY_S = 0.5
_MARK_S = 1.0
_STUCK_S = 5.0
# A record's time is taken just before it is written.
_MARGIN_S = 0.05
_SKIPPED_US = 60_000_000
# "Last used" is right to so many seconds: two rows less to write for each key in use in most batches.
_USE_SPACING_US = 10_000_000

_CLAIM = (
    'INSERT INTO gateway_journal (segment, node, "offset", updated_at) VALUES (%s, %s, 0, now()) ON CONFLICT DO NOTHING'
)
_LOCK = 'SELECT "offset" FROM gateway_journal WHERE segment = %s FOR UPDATE SKIP LOCKED'
_MOVE = 'UPDATE gateway_journal SET "offset" = %s, updated_at = now() WHERE segment = %s'
_FORGET = "DELETE FROM gateway_journal WHERE segment = %s"
_LOG = """
INSERT INTO request_log (at, tracking_id, organization_id, key_id, product_id, secret_number, outcome, status, host, network, client)
SELECT to_timestamp(at_us / 1e6), tracking_id, nullif(organization_id, 0), nullif(key_id, 0), product_id, secret_number,
       outcome, status, host, network, client
FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::int[], %s::text[], %s::smallint[],
            %s::text[], %s::text[], %s::text[])
    AS r (at_us, tracking_id, organization_id, key_id, product_id, secret_number, outcome, status, host, network, client)
"""
# The time of a request, to the microsecond, is in its token: with key and product it finds the row.
_CORRECT = """
UPDATE request_log r SET status = c.status
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::smallint[]) AS c (key_id, at_us, product_id, status)
WHERE r.key_id = c.key_id AND r.at = to_timestamp(c.at_us / 1e6) AND r.product_id = c.product_id AND r.outcome = 'ok'
"""
_DECLARE = """
INSERT INTO usage_gap (node, from_at, until_at, requests) VALUES (%s, to_timestamp(%s), to_timestamp(%s), %s)
"""
# A row that someone is changing is skipped and comes with the next batch: nobody waits for a "last used".
_KEY_USED = """
WITH free AS MATERIALIZED (
    SELECT id FROM keys_apikey WHERE id = ANY(%(key_ids)s::bigint[]) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
), u AS (
    SELECT key_id, max(at_us) AS at_us FROM unnest(%(key_ids)s::bigint[], %(at_us)s::bigint[]) AS u (key_id, at_us) GROUP BY 1
)
UPDATE keys_apikey k SET last_used_at = greatest(k.last_used_at, to_timestamp(u.at_us / 1e6))
FROM u JOIN free ON free.id = u.key_id WHERE k.id = u.key_id RETURNING k.id
"""
# The keys are named once more, so that the strings are found by the index whatever the planner thinks of the arrays.
_STRING_USED = """
UPDATE keys_keysecret s SET last_used_at = greatest(s.last_used_at, to_timestamp(u.at_us / 1e6))
FROM unnest(%(key_ids)s::bigint[], %(numbers)s::int[], %(at_us)s::bigint[]) AS u (key_id, number, at_us)
WHERE s.key_id = ANY(%(key_ids)s::bigint[]) AND s.key_id = u.key_id AND s.number = u.number
"""
_MARK = """
UPDATE gateway_node SET shipped_until = greatest(shipped_until, to_timestamp(%s)) WHERE name = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class _Uses:
    """By (key ID, number of the string): uses that are not in the database yet, and those to which "last used" was moved lately (µs)."""

    waiting: Mapping[tuple[int, int], int] = field(default_factory=dict)
    moved_us: Mapping[tuple[int, int], int] = field(default_factory=dict)


class Shipper:
    """Ships the journals of all gateways of this machine, `config.name`'s among them."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._readers: dict[uuid.UUID, Reader] = {}
        self._uses = _Uses()
        self._offsets: dict[uuid.UUID, int] = {}
        self._marked_at = float("-inf")
        self._stuck: dict[uuid.UUID, tuple[int, float]] = {}
        self._told: set[uuid.UUID] = set()

    def ship(self, connection: policy_sql.Connection) -> None:
        """Bring everything that is written by now into the database, then say so in `gateway_node`."""
        until_s = time.time() - _MARGIN_S
        complete: set[str] = {self._config.name}
        behind: set[str] = set()
        for segment in segments.find(self._config.journals_dir):
            (complete if self._ship_segment(connection, segment) else behind).add(segment.node)
        if time.monotonic() - self._marked_at >= _MARK_S:
            connection.execute(_MARK, (until_s, sorted(complete - behind)))
            self._marked_at = time.monotonic()

    def _ship_segment(self, connection: policy_sql.Connection, segment: Segment) -> bool:
        """Ship a segment to its end, and delete it when nobody writes it any more. Return whether it is in as a whole."""
        is_sealed = segments.is_sealed(segment)
        try:
            while is_sealed or segment.path.stat().st_size > self._offsets.get(segment.id, segments.HEADER_BYTES):
                reading = self._ship_batch(connection, segment)
                if reading is None:
                    return False
                self._offsets[segment.id] = reading.offset
                if reading.is_empty:
                    if is_sealed:
                        self._discard(connection, segment, reading)
                    elif self._is_stuck(segment, reading):
                        return False
                    break
        except FileNotFoundError:
            self._offsets.pop(segment.id, None)  # another shipper has finished with it
            self._readers.pop(segment.id, None)
        return True

    def _is_stuck(self, segment: Segment, reading: Reading) -> bool:
        """Whether a segment that is being written has held the same unreadable bytes for over five seconds: it is damaged."""
        if not reading.rest_bytes:
            self._stuck.pop(segment.id, None)
            return False
        offset, since = self._stuck.setdefault(segment.id, (reading.offset, time.monotonic()))
        if offset != reading.offset:
            self._stuck[segment.id] = (reading.offset, time.monotonic())
            return False
        if time.monotonic() - since < _STUCK_S:
            return False
        if segment.id not in self._told:
            self._told.add(segment.id)
            log.error("%s cannot be read on from byte %d: what follows is not counted.", segment.path, offset)
        return True

    def _ship_batch(self, connection: policy_sql.Connection, segment: Segment) -> Reading | None:
        """Add the next records and move the offset, in one transaction. None when another shipper is at it."""
        with connection.transaction():
            connection.execute(_CLAIM, (segment.id, segment.node))
            row = connection.execute(_LOCK, (segment.id,)).fetchone()
            if row is None:
                return None
            reader = self._readers.setdefault(segment.id, Reader(segment))
            reading = reader.read(row[0], BATCH_BYTES)
            tallies = batches.tally(reading.groups, reading.hits)
            reading.corrections = once.keep_new(connection, reading.corrections)
            if tallies or reading.corrections:
                usage.add(connection, batches.count(tallies, reading.corrections))
            if tallies:
                uses = self._note_uses(connection, tallies)
            self._keep(connection, reading)
            self._correct(connection, reading)
            self._declare(connection, segment, reading)
            if reading.offset != row[0]:
                connection.execute(_MOVE, (reading.offset, segment.id))
        if tallies:
            self._uses = uses
        return reading

    @staticmethod
    def _declare(connection: policy_sql.Connection, segment: Segment, reading: Reading) -> None:
        """Say how many requests were answered and are not in the journal."""
        for gap in reading.gaps:
            connection.execute(_DECLARE, (segment.node, gap.from_us / 1e6, gap.until_us / 1e6, gap.requests))
            log.error("%d requests of %s between %s and %s were answered but not counted.", gap.requests, segment.node,
                      _time(gap.from_us), _time(gap.until_us))  # fmt: skip

    def _keep(self, connection: policy_sql.Connection, reading: Reading) -> None:
        """Add what the gateway chose for the request log."""
        if not reading.records or not self._config.request_log_days:
            return
        chosen = [(record, reading.groups[record.group]) for record in reading.records]
        columns: list[list[Any]] = [
            [record.at_us for record, _ in chosen],
            [record.tracking_id for record, _ in chosen],
            [group.organization_id for _, group in chosen],
            [group.key_id for _, group in chosen],
            [group.product_id for _, group in chosen],
            [group.secret_number for _, group in chosen],
            [batches.outcome_word(group) for _, group in chosen],
            [group.status for _, group in chosen],
            [record.host for record, _ in chosen],
            [record.network for record, _ in chosen],
            [record.client for record, _ in chosen],
        ]
        connection.execute(_LOG, columns)

    def _correct(self, connection: policy_sql.Connection, reading: Reading) -> None:
        """Give requests of the request log the status with which they ended. One that is not in the log yet keeps its 200."""
        ended = [correction for correction in reading.corrections if correction.status != HTTPStatus.OK]
        if not ended or not self._config.request_log_days:
            return
        columns: list[list[int]] = [
            [correction.key_id for correction in ended],
            [correction.at_us for correction in ended],
            [correction.product_id for correction in ended],
            [correction.status for correction in ended],
        ]
        connection.execute(_CORRECT, columns)

    def _note_uses(self, connection: policy_sql.Connection, tallies: Sequence[Tally]) -> _Uses:
        """Move "last used" forward. Return the uses that wait: of strings that it was moved for a moment ago, and of locked keys."""
        uses = batches.last_uses(tallies)
        for place, at_us in self._uses.waiting.items():
            uses[place] = max(at_us, uses.get(place, 0))
        if not uses:
            return _Uses()
        newest_us = max(uses.values())
        moved_us = {place: at_us for place, at_us in self._uses.moved_us.items() if newest_us - at_us < _USE_SPACING_US}
        due = {place: at_us for place, at_us in uses.items() if place not in moved_us}
        columns = {"key_ids": [key_id for key_id, _ in due], "at_us": list(due.values())}
        free = {row[0] for row in connection.execute(_KEY_USED, columns).fetchall()} if due else set()
        done = sorted((key_id, number, at_us) for (key_id, number), at_us in due.items() if key_id in free)
        if done:
            key_ids, numbers, times_us = (list(column) for column in zip(*done, strict=True))
            connection.execute(_STRING_USED, {"key_ids": key_ids, "numbers": numbers, "at_us": times_us})
        moved_us |= {(key_id, number): at_us for key_id, number, at_us in done}
        oldest_us = newest_us - _SKIPPED_US  # a key that is gone altogether would wait for ever
        waiting = {
            place: at_us for place, at_us in uses.items() if at_us > max(oldest_us, moved_us.get(place, oldest_us))
        }
        return _Uses(waiting, moved_us)

    def _discard(self, connection: policy_sql.Connection, segment: Segment, reading: Reading) -> None:
        """Delete a segment that is in the database. One with more than a torn last record is damaged, and kept aside."""
        if reading.rest_bytes > MAX_FRAME:
            log.error("%s is damaged: %d bytes of it cannot be read.", segment.path, reading.rest_bytes)
            segment.path.rename(segment.path.with_suffix(".damaged"))
        else:
            if reading.rest_bytes:
                log.warning("The last record of %s was not written whole; no answer was sent on it.", segment.path.name)
            segment.path.unlink(missing_ok=True)
        self._offsets.pop(segment.id, None)
        self._readers.pop(segment.id, None)
        connection.execute(_FORGET, (segment.id,))  # after the file is gone: a row without file does no harm


def _time(at_us: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_us / 1e6))


def run(config: Config, stopping: Stopping) -> None:
    """Ship every quarter of a second, more rarely under load, until told to stop, then once more."""
    shipper = Shipper(config)
    is_away = False
    while True:
        is_last = stopping.is_set()
        try:
            with policy_sql.connect(config.database_url) as connection:
                while True:
                    is_last = stopping.is_set()
                    began = time.monotonic()
                    shipper.ship(connection)
                    took_s = time.monotonic() - began
                    if is_away:
                        is_away = False
                        log.warning("The database answers again.")
                    if is_last:
                        return
                    stopping.wait(max(POLL_S, min(_REST * took_s, _REST_MAX_S)))
        except (psycopg.Error, OSError) as error:
            if not is_away:
                is_away = True
                log.warning("Usage waits on disk: %s", str(error).strip().partition("\n")[0])
            if is_last:
                return
            stopping.wait(_RETRY_S)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the shipper. With `--parent` it ends when that process does. Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m gateway.shipper", description="Carry the journal into PostgreSQL.")
    parser.add_argument("--parent", type=int, help="the process that this one must not outlive")
    parser.add_argument("--once", action="store_true", help="ship what is there, then end")
    options = parser.parse_args(arguments)
    try:
        config = configuration.read()
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    logging.basicConfig(level=config.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    stopping = Stopping((signal.SIGTERM, signal.SIGINT))
    if options.once:
        stopping.set()
    if options.parent:
        die_with_parent(signal.SIGTERM)
        os.nice(_NICENESS)  # answers go first
        if os.getppid() != options.parent:  # it was gone before the kernel knew whom to watch
            stopping.set()
    run(config, stopping)
    return 0


if __name__ == "__main__":
    sys.exit(main())
