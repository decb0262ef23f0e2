"""Keep the rules as the database has them: a snapshot, then each numbered change within a fifth of a second.

A thread talks to PostgreSQL; the event loop alone reads and changes the rules in use. Every poll reads the number of the
feed and the changes above the last one in one statement. The numbers are dense, so a hole or a step back (changes pruned
away, a database restored) is seen and answered with a new snapshot.
"""

import asyncio
import contextlib
import functools
import gc
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import psycopg

from gateway import policy_sql
from gateway.config import Config, ConfigError
from gateway.policy_keeper import Keeper
from gateway.policy_sql import Around, Changes
from gateway.rules import Rules
from gateway.verdict import Standing

log = logging.getLogger("latchkey.gateway")

CURRENT_S = 0.8
"""A poll that began longer ago does not prove that the rules are current."""
CATCH_UP_S = 1.0
REPORT_S = 2.0
_BEAT_S = 0.2
_RECONNECT_S = 0.2
_SPACING_S = 0.02
_COLLECT_EACH = 50_000
_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _clock() -> float:
    """Return seconds that go on while the machine sleeps and never go back."""
    return time.clock_gettime(_BOOT_CLOCK)


def new_rules(config: Config) -> Rules:
    """Return rules that know nothing yet."""
    peppers = tuple(pepper for _, pepper in reversed(config.peppers.keys))
    return Rules(peppers=peppers, prefix=config.key_prefix)


@dataclass(slots=True)
class _Times:
    """When the last successful poll began and the last failed attempt ended, by `_clock`."""

    polled_at: float = float("-inf")
    failed_at: float = float("-inf")
    beat_at: float = float("-inf")
    """When the event loop was last seen at work."""
    resumed_at: float = float("-inf")
    """When it went on after a pause: what was known of the database before that counts no more."""
    around: Around = field(default_factory=Around)
    """What there was around at the last report."""


class Policy:
    """The rules in use and how far they can be relied upon. All methods belong to the event loop's thread."""

    def __init__(self, config: Config, loop: asyncio.AbstractEventLoop, on_fatal: Callable[[str], None]) -> None:
        self.rules = new_rules(config)
        self.is_loaded = False
        self._config = config
        self._loop = loop
        self._times = _Times()
        self._waiters: set[asyncio.Future[None]] = set()
        self._follower = _Follower(config, self, self._times, loop, on_fatal)

    def start(self) -> None:
        """Begin to follow the database."""
        self._beat()
        self._follower.start()

    def stop(self) -> None:
        """Stop following; waits for the thread for a second at most."""
        self._follower.stop()

    def standing(self) -> Standing | None:
        """Return how far the rules hold now, or None when that must be found out first: `await catch_up()`.

        None means that the process was stopped or the machine asleep: the rules may be old though the database is there.
        """
        now = _clock()
        if now - self._times.polled_at <= CURRENT_S:
            return Standing.CURRENT
        if self._is_away(now):
            is_usable = self.is_loaded and now - self._times.polled_at <= self._config.stale_seconds
            return Standing.FROM_MEMORY if is_usable else Standing.NOT_READY
        return None

    def _is_away(self, now: float) -> bool:
        """Whether the database was last seen failing, by a process that has been at work ever since."""
        times = self._times
        was_at_work = now - times.beat_at <= CURRENT_S and times.failed_at >= times.resumed_at
        return was_at_work and times.failed_at > times.polled_at

    def right_at(self) -> float:
        """Return when the rules were last known to be right, in seconds since 1970."""
        return time.time() - (_clock() - self._times.polled_at)

    def _beat(self) -> None:
        now = _clock()
        if now - self._times.beat_at > CURRENT_S:
            self._times.resumed_at = now
        self._times.beat_at = now
        self._loop.call_later(_BEAT_S, self._beat)

    def count_gateways(self) -> int:
        """Return how many gateways there are, as far as is known: those that reported within 10 s, at least this one."""
        return max(1, self._times.around.gateways)

    def shipped(self) -> Around:
        """Return how much of the journal is in the database, as far as is known."""
        return self._times.around

    async def catch_up(self) -> Standing:
        """Wait for the next poll and return the standing. A poll that takes over CATCH_UP_S counts as failed."""
        while (standing := self.standing()) is None:
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._waiters.add(waiter)
            try:
                await asyncio.wait_for(waiter, CATCH_UP_S)
            except TimeoutError:
                self._times.failed_at = _clock()
            finally:
                self._waiters.discard(waiter)
        return standing

    def release_waiters(self) -> None:
        """Let those who wait look again."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def replace(self, rules: Rules) -> None:
        """Put a snapshot in place of what was known."""
        self.rules = rules
        self.is_loaded = True
        # The collector need not walk over a million keys again and again, and what a request leaves behind is no cycle.
        gc.freeze()
        gc.set_threshold(_COLLECT_EACH)

    def apply(self, changes: Changes) -> None:
        """Take over what changed."""
        rules = self.rules
        rows = {row[0]: row for row in changes.keys}
        for key_id in changes.key_ids:
            if key_id in rows:
                rules.put_key(rows[key_id])
            else:
                rules.forget_key(key_id)
        for organization_id in changes.organization_ids:
            if organization_id in changes.organizations:
                rules.organizations[organization_id] = changes.organizations[organization_id]
            else:
                rules.organizations.pop(organization_id, None)
        if changes.catalogue is not None:
            rules.catalogue = changes.catalogue
        rules.number = changes.number


class _Follower(threading.Thread):
    """The thread that polls. It never touches the rules in use: it reads, and has the event loop take over."""

    def __init__(
        self,
        config: Config,
        policy: Policy,
        times: _Times,
        loop: asyncio.AbstractEventLoop,
        on_fatal: Callable[[str], None],
    ) -> None:
        super().__init__(name="policy", daemon=True)
        self._config = config
        self._policy = policy
        self._times = times
        self._loop = loop
        self._on_fatal = on_fatal
        self._stopping = threading.Event()
        self._keeper = Keeper(config)
        self._number: int | None = None
        self._has_tried_disk = False
        self._can_report = True
        self._reported_at = float("-inf")
        self._is_away = False

    def stop(self) -> None:
        self._stopping.set()
        self.join(1)

    def run(self) -> None:
        """Follow the database until stopped, over as many connections as it takes."""
        while not self._stopping.is_set():
            try:
                with policy_sql.connect(self._config.database_url) as connection:
                    policy_sql.check_peppers(connection, self._config.peppers)
                    self._follow(connection)
            except ConfigError as error:
                self._loop.call_soon_threadsafe(self._on_fatal, str(error))
                return
            except (psycopg.Error, OSError) as error:
                if self._number is None and not self._has_tried_disk:
                    self._load()
                self._note_failure(error)
                self._stopping.wait(_RECONNECT_S)
            except RuntimeError:  # the event loop is closed
                if not self._stopping.is_set():
                    raise

    def _load(self) -> None:
        """Use what is on disk until the database is there."""
        self._has_tried_disk = True
        found = self._keeper.load(functools.partial(new_rules, self._config))
        if found is None:
            return
        rules, age_s = found
        right_at = _clock() - age_s
        self._hand_over(functools.partial(self._policy.replace, rules))
        self._times.polled_at = right_at
        self._number = rules.number
        log.warning("%d keys are loaded from disk, as of %.0f s ago.", len(rules.keys), age_s)

    def _follow(self, connection: policy_sql.Connection) -> None:
        policy_sql.listen(connection)
        while not self._stopping.is_set():
            began_at = _clock()
            has_news = self._poll(connection, began_at)
            self._times.polled_at = began_at
            self._note_success()
            self._report(connection, began_at, has_news=has_news)
            self._keeper.note_right(self._number or 0, _clock() - began_at)
            policy_sql.wait(connection, self._config.poll_ms / 1000)
            # A busy database wakes at each commit; many changes are read together.
            self._stopping.wait(_SPACING_S)
        with contextlib.suppress(psycopg.Error):  # who hears nothing takes it for gone after a minute
            policy_sql.end(connection, self._config.name)

    def _report(self, connection: policy_sql.Connection, began_at: float, *, has_news: bool) -> None:
        """Say which change holds. A database that takes no writes for the moment is read on all the same."""
        is_due = began_at - self._reported_at >= REPORT_S
        if not (has_news or is_due) or not (is_due or self._can_report):
            return
        name, number = self._config.name, self._number or 0
        try:
            policy_sql.acknowledge(connection, name, number)
            policy_sql.report(connection, name, number, is_first=self._reported_at < 0)
        except psycopg.errors.ReadOnlySqlTransaction:
            if self._can_report:
                log.warning("The database takes no writes: nobody is told which change holds here.")
            self._can_report = False
        else:
            self._can_report = True
        self._times.around = policy_sql.look_around(connection, name)
        self._reported_at = began_at

    def _poll(self, connection: policy_sql.Connection, began_at: float) -> bool:
        """Bring the rules up to date. Return whether anything changed."""
        before = self._number
        while self._number is not None:
            changes = policy_sql.read_changes(connection, self._number)
            if changes is None:
                log.warning("The change feed has a hole after number %d: taking a new snapshot.", self._number)
                break
            if changes.number != self._number:
                self._keeper.take(changes, _clock() - began_at)
                self._hand_over(functools.partial(self._policy.apply, changes))
                self._number = changes.number
            if changes.is_last:
                return self._number != before
        rules = policy_sql.read_snapshot(connection, new_rules(self._config))
        self._keeper.begin_anew()
        self._hand_over(functools.partial(self._policy.replace, rules))
        self._number = rules.number
        log.info("%d keys are loaded, up to change %d.", len(rules.keys), rules.number)
        return True

    def _hand_over(self, act: Callable[[], None]) -> None:
        """Have the event loop act, and wait until it has: only then may anyone be told that the change holds."""
        done: Future[Any] = Future()

        def run() -> None:
            try:
                act()
            except BaseException as error:
                done.set_exception(error)
            else:
                done.set_result(None)

        self._loop.call_soon_threadsafe(run)
        done.result()

    def _note_success(self) -> None:
        if self._is_away:
            self._is_away = False
            log.warning("The database answers again.")
        self._loop.call_soon_threadsafe(self._policy.release_waiters)

    def _note_failure(self, error: Exception) -> None:
        if not self._is_away:
            self._is_away = True
            # The text of a database error can name the address, never a key: none is ever sent to it.
            log.warning("The database does not answer: %s", str(error).strip().partition("\n")[0])
        self._times.failed_at = _clock()
        self._loop.call_soon_threadsafe(self._policy.release_waiters)
