"""Queries of every page, compiled once: Django takes longer to put one of them together than PostgreSQL to answer it."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Final

from django.db import connection
from django.db.models import QuerySet

_ANYBODY: Final = -7_316_048_259
"""Stands for the primary key that a query is about while it is compiled; nothing has it."""


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
        with connection.cursor() as cursor:
            cursor.execute(*self.of(pk))
            return cursor.fetchall()
