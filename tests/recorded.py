"""The cast, made through the real verbs once; every other test gets the same rows back, as old as if just made."""

import datetime as dt
import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from tests.factories import Cast, make_cast

Shift = Callable[[Any], Any]

SPREAD = """
    SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, 1000 * row_number() OVER (ORDER BY sequencename))
    FROM pg_sequences WHERE schemaname = 'public'
"""
COLUMNS = """
    SELECT table_name, array_agg(quote_ident(column_name) ORDER BY ordinal_position)
    FROM information_schema.columns
    WHERE table_schema = 'public' AND is_generated = 'NEVER' AND table_name = ANY(%s)
    GROUP BY table_name ORDER BY table_name
"""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What making the cast left: rows of every table, except what triggers write, and the objects of the cast."""

    made_at: dt.datetime
    statements: str
    values: tuple[Any, ...]
    pickled: bytes

    def play(self) -> Cast:
        """Put the cast into the database again and return it."""
        age = timezone.now() - self.made_at

        def shift(value: Any) -> Any:
            return value + age if isinstance(value, dt.datetime) else value

        with connection.cursor() as cursor:
            cursor.execute(self.statements, [shift(value) for value in self.values])
        return _Unpickler(self.pickled, shift).load()


def record(tables: list[str]) -> Recorded:
    """Make the cast, note what that wrote into these tables, and undo it."""
    statements: list[str] = []
    values: list[Any] = []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SPREAD)  # so that an ID of one table is not by chance one of another
        pickled = _pickle(make_cast())
        made_at = timezone.now()
        cursor.execute(COLUMNS, [tables])
        for table, columns in cursor.fetchall():
            cursor.execute(f"SELECT {', '.join(columns)} FROM {connection.ops.quote_name(table)}")
            rows = cursor.fetchall()
            if rows:
                row = f"({', '.join(['%s'] * len(columns))})"
                places = ", ".join([row] * len(rows))
                statements.append(
                    f"INSERT INTO {connection.ops.quote_name(table)} ({', '.join(columns)}) VALUES {places}"
                )
                values.extend(value for row in rows for value in row)
        transaction.set_rollback(True)
    return Recorded(made_at, "; ".join(statements), tuple(values), pickled)


class _Pickler(pickle.Pickler):
    def persistent_id(self, value: Any) -> Any:
        return value if type(value) is dt.datetime else None


class _Unpickler(pickle.Unpickler):
    def __init__(self, pickled: bytes, shift: Shift) -> None:
        super().__init__(io.BytesIO(pickled))
        self._shift = shift

    def persistent_load(self, value: Any) -> Any:
        return self._shift(value)


def _pickle(cast: Cast) -> bytes:
    target = io.BytesIO()
    _Pickler(target).dump(cast)
    return target.getvalue()
