"""What the last requests of keys say of them: rooms above this one know of requests, and tell how to ask."""

import math
import time
from typing import Final

from django.conf import settings
from django.db import connection

REMEMBERED_S: Final = 60
REMEMBERED_MAX: Final = 1_024

_statements = ["SELECT NULL::bigint AS key_id, NULL::text AS state WHERE false"]
_remembered: dict[int, tuple[float, list[int], list[str]]] = {}


def read_with(statement: str) -> None:
    """Have states say what a statement says: `key_id` and `state` of the keys that have something to say.

    WHICH in it stands for a condition on `organization_id` or `key_id`.
    """
    _statements[:] = [statement]


def of(which: str) -> str:
    """Return the statement for the keys of a condition."""
    return _statements[0].replace("WHICH", which)


def state_with(traffic: str, recorded: str = "state") -> str:
    """Return the state of a key: what its record says, unless that lets every request pass and its traffic says more."""
    return f"CASE WHEN {recorded} IN ('healthy', 'unused') THEN coalesce({traffic}, {recorded}) ELSE {recorded} END"


def told(organization_id: int) -> tuple[list[int], list[str]]:
    """Return the keys of an organisation whose requests say something, and for each what.

    To ask this of thousands of keys takes longer than their list, so the answer is remembered for a minute (and not at all where
    `USAGE_REMEMBERED_SECONDS` is 0).
    """
    now = time.monotonic()
    asked_at, keys, states = _remembered.get(organization_id, (-math.inf, [], []))
    if now - asked_at >= min(REMEMBERED_S, settings.USAGE_REMEMBERED_SECONDS):
        with connection.cursor() as cursor:
            cursor.execute(of(f"organization_id = {organization_id:d}"))
            found = [row for row in cursor.fetchall() if row[1]]
        keys, states = [key for key, _ in found], [state for _, state in found]
        if len(_remembered) >= REMEMBERED_MAX:
            _remembered.clear()
        _remembered[organization_id] = now, keys, states
    return keys, states
