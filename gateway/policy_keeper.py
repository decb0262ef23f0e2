"""Keep the rules on disk while the database is followed: written anew in the background, changed before a change takes effect."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg

from gateway import policy_file, policy_sql
from gateway.config import Config
from gateway.policy_file import Draft, PolicyFile, Unusable
from gateway.policy_sql import Changes
from gateway.rules import Rules

log = logging.getLogger("latchkey.gateway")

MARK_S = 1.0
_RETRY_S = 30.0


@dataclass(slots=True)
class _Rewriting:
    """A new file in the making, and the changes that come meanwhile. `draft` is there when it is complete."""

    missed: list[tuple[int, bytes]] = field(default_factory=list)
    draft: Draft | None = None
    error: Exception | None = None


class Keeper:
    """The file of this gateway. All methods belong to the thread that follows the database; another one writes drafts."""

    def __init__(self, config: Config) -> None:
        self._database_url = config.database_url
        self._most_s = config.stale_seconds
        fingerprints = config.peppers.fingerprints("KEY_PEPPERS")
        self._file = PolicyFile(config.journals_dir / config.name / policy_file.NAME, fingerprints)
        self._rewriting: _Rewriting | None = None
        self._retry_at = float("-inf")
        self._marked_at = float("-inf")

    def load(self, make_rules: Callable[[], Rules]) -> tuple[Rules, float] | None:
        """Return what is on disk and how many seconds ago it was right; None where there is nothing that may be used."""
        rules = make_rules()
        try:
            return rules, self._file.load(rules, self._most_s)
        except FileNotFoundError:
            return None
        except (Unusable, OSError, ValueError) as error:
            log.warning("The keys on disk are not used: %s.", error)
            return None

    def begin_anew(self) -> None:
        """Forget what is on disk: another snapshot takes effect. Call it before that does."""
        self._file.forget()
        self._rewriting = None
        self._retry_at = float("-inf")

    def take(self, changes: Changes, ago_s: float) -> None:
        """Keep changes that were read so long ago. Call it before they take effect."""
        if not self._file.is_there and self._rewriting is None:
            return
        payload = policy_file.changes(
            changes.number,
            lines=policy_file.of_rows(changes.keys),
            gone_keys=changes.key_ids - {row[0] for row in changes.keys},
            organizations=changes.organizations,
            gone_organizations=changes.organization_ids - set(changes.organizations),
            catalogue=changes.catalogue,
        )
        if self._rewriting is not None:
            self._rewriting.missed.append((changes.number, payload))
        if self._file.is_there:
            self._try(lambda: self._file.append(changes.number, payload, ago_s))

    def note_right(self, number: int, ago_s: float) -> None:
        """Say that the rules up to a change were right so long ago; see to the file."""
        now = time.monotonic()
        if self._rewriting is not None:
            self._settle(self._rewriting)
        elif now >= self._retry_at and (not self._file.is_there or self._file.has_grown):
            self._rewriting = _Rewriting()
            threading.Thread(target=self._rewrite, args=(self._rewriting,), name="policy file", daemon=True).start()
        if self._file.is_there and now - self._marked_at >= MARK_S:
            self._marked_at = now
            self._try(lambda: self._file.mark(number, ago_s))

    def _rewrite(self, rewriting: _Rewriting) -> None:
        """Write a draft from the database. In a thread of its own: a million keys take seconds."""
        draft = None
        try:
            draft = self._file.begin()
            with policy_sql.connect(self._database_url) as connection:
                draft.complete(*policy_sql.read_everything(connection, draft.put_line))
        except (psycopg.Error, OSError) as error:
            if draft is not None:
                draft.drop()
            rewriting.error = error
        else:
            rewriting.draft = draft
            if self._rewriting is not rewriting:  # another snapshot took effect meanwhile
                draft.drop()

    def _settle(self, rewriting: _Rewriting) -> None:
        if rewriting.draft is not None:
            self._rewriting = None
            draft = rewriting.draft
            self._try(lambda: self._file.adopt(draft, rewriting.missed))
            self._marked_at = float("-inf")
        elif rewriting.error is not None:
            self._rewriting = None
            self._fail(rewriting.error)

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except OSError as error:
            self._file.forget()  # a file that lacks a change must not be found by the next start
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._retry_at = time.monotonic() + _RETRY_S
        log.warning("The keys cannot be kept on disk: %s", str(error).strip().partition("\n")[0])
