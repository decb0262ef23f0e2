"""Forget usage that is kept no longer: in small batches, by the index that begins with the organisation, waiting for nobody."""

import datetime as dt

from django.db import connection, models
from django.utils import timezone

from analytics.models import (
    OrganizationDay,
    OrganizationError,
    OrganizationHour,
    OrganizationMinute,
    UsageDay,
    UsageError,
    UsageHour,
    UsageMinute,
    UsageMonth,
)

BATCH = 10_000
_MINUTES, _HOURS, _DAYS = dt.timedelta(days=35), dt.timedelta(days=400), dt.timedelta(days=5 * 366)

KEPT: tuple[tuple[type[models.Model], str, dt.timedelta], ...] = (
    (UsageMinute, "minute", _MINUTES),
    (OrganizationMinute, "minute", _MINUTES),
    (UsageHour, "hour", _HOURS),
    (OrganizationHour, "hour", _HOURS),
    (UsageError, "hour", _HOURS),
    (OrganizationError, "date", _HOURS),
    (UsageDay, "date", _DAYS),
    (OrganizationDay, "date", _DAYS),
    (UsageMonth, "month", _DAYS),
)
"""What is kept how long, by which column."""

# Organisations are found by jumping from one to the next in the index: the table itself is never read as a whole.
_OWNERS = """
WITH RECURSIVE owners AS (
    SELECT min(organization_id) AS id FROM {table}
    UNION ALL
    SELECT (SELECT min(organization_id) FROM {table} WHERE organization_id > owners.id) FROM owners WHERE owners.id IS NOT NULL
) SELECT id FROM owners WHERE id IS NOT NULL
"""
_DELETE = """
DELETE FROM {table} WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM {table} WHERE organization_id = %s AND {column} < %s LIMIT {batch} FOR UPDATE SKIP LOCKED))
"""


def forget() -> dict[str, int]:
    """Delete what is older than it is kept; return the number of rows by table. A row that is being added to waits for next time."""
    now, gone = timezone.now(), {}
    for model, column, kept in KEPT:
        table = model._meta.db_table
        gone[table] = sum(_forget(table, column, owner, now - kept) for owner in _owners(table))
    return gone


def _owners(table: str) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_OWNERS.format(table=table))
        return [owner for (owner,) in cursor.fetchall()]


def _forget(table: str, column: str, owner: int, before: dt.datetime) -> int:
    gone = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_DELETE.format(table=table, column=column, batch=BATCH), [owner, before])
            gone += cursor.rowcount
            if cursor.rowcount < BATCH:
                return gone
