"""Queries of every page: compiled once, as Django takes longer to put one of them together than PostgreSQL to answer it, and prepared.

PostgreSQL reads and plans a prepared statement once for a connection; for those of a page of keys that took it more than half of its time.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import psycopg
from django.conf import settings
from django.db import NotSupportedError, connection
from django.db.models import QuerySet

_ANYBODY: Final = -7_316_048_259
"""Stands for the primary key that a query is about while it is compiled; nothing has it."""

Parameters = Sequence[Any] | Mapping[str, Any]


class _Prepared(psycopg.Cursor[tuple[Any, ...]]):
    """A cursor whose statements PostgreSQL keeps for the connection."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        """Run a statement."""
        return super().execute(query, params, prepare=True, **options)


def read(statement: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
    """Return the rows of a statement that is asked again and again; its text must be one of few, and say the types of its parameters.

    Where a migration has given a column another type, what is prepared is of no use any more, and PostgreSQL says so once. Inside a
    transaction that would be its end: there nothing is prepared.
    """
    if not settings.DATABASE_PREPARES or connection.in_atomic_block:
        return _rows(psycopg.Cursor, statement, parameters)
    try:
        return _rows(_Prepared, statement, parameters)
    except NotSupportedError:  # cached plan must not change result type
        with connection.cursor() as cursor:
            cursor.execute("DEALLOCATE ALL")  # psycopg sees it, and forgets them too
        return _rows(_Prepared, statement, parameters)


def _rows(kind: type[psycopg.Cursor[Any]], statement: str, parameters: Parameters) -> list[tuple[Any, ...]]:
    """Ask as `connection.cursor()` does, but with parameters that PostgreSQL puts in."""
    connection.ensure_connection()
    wrap = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    bare: Any = kind(connection.connection)
    with wrap(bare) as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


class Statement:
    """A query about one thing, such as a person, by its primary key. What is asked is said by a queryset, as everywhere."""

    def __init__(self, build: Callable[[int], QuerySet[Any]], around: str = "%s") -> None:
        """`build` returns the queryset for a primary key; `around` is SQL with %s in the place of the query."""
        self._build, self._around = build, around

    @cached_property
    def _compiled(self) -> tuple[str, tuple[Any, ...]]:
        statement, parameters = self._build(_ANYBODY).query.sql_with_params()
        return self._around.replace("%s", statement), tuple(parameters)

    def of(self, pk: int) -> tuple[str, tuple[Any, ...]]:
        """Return the statement about one primary key and its parameters."""
        statement, parameters = self._compiled
        return statement, tuple(pk if each == _ANYBODY else each for each in parameters)

    def rows(self, pk: int) -> list[tuple[Any, ...]]:
        """Ask for one primary key."""
        return read(*self.of(pk))
