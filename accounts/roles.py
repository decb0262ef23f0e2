"""The role matrix: who may call which route with which method. Read from roles.toml; PURE.

`accounts.access` checks every request against it, templates ask it which links to show, docs/roles.md is written from it,
and tests/tenancy tries every cell.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("roles.toml")
METHODS = ("GET", "POST")
MEMBER_ROLES = ("owner", "admin", "developer", "viewer")
ANYONE, PERSON, STAFF = "anyone", "person", "staff"


class MatrixError(Exception):
    """The file says something that the matrix does not know."""


@dataclass(frozen=True, slots=True)
class Route:
    """One route's rows: `who` may call it, by method.

    `name` is the route's name with its namespace, or a pattern such as `admin:*`. `of` is what the path's `public_id` names:
    the relation of the organisation in which it is looked for, such as `keys`; empty where the path names nothing of it.
    """

    name: str
    about: str
    who: Mapping[str, frozenset[str]]
    of: str = ""

    def roles(self, method: str) -> frozenset[str] | None:
        """Return who may call it with a method; None when it has no such method. HEAD is a GET."""
        return self.who.get("GET" if method == "HEAD" else method)

    @property
    def everybody(self) -> frozenset[str]:
        """All who may call it with any method."""
        return frozenset().union(*self.who.values())

    @property
    def is_open(self) -> bool:
        """Whether it is for people who are not signed in, too."""
        return ANYONE in self.everybody

    @property
    def is_for_staff(self) -> bool:
        """Whether it is for the provider's people; for others it does not exist."""
        return bool(self.everybody) and all(name.partition(" ")[0] == STAFF for name in self.everybody)

    @property
    def is_for_members(self) -> bool:
        """Whether it is about the organisation that a person works in."""
        return bool(self.everybody & set(MEMBER_ROLES))


class Matrix:
    """All routes, by name."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._exact = {route.name: route for route in self.routes if "*" not in route.name}
        self._patterns = [route for route in self.routes if "*" in route.name]

    def find(self, name: str) -> Route | None:
        """Return the route of that name, else the first whose pattern matches; None when nobody wrote a row."""
        if route := self._exact.get(name):
            return route
        return next((route for route in self._patterns if fnmatchcase(name, route.name)), None)


def read(text: str) -> Matrix:
    """Read a matrix. Raises MatrixError."""
    return Matrix(_route(name, rows) for name, rows in tomllib.loads(text).items())


def _route(name: str, rows: dict[str, Any]) -> Route:
    about, of = rows.pop("about", ""), rows.pop("of", "")
    if not about:
        raise MatrixError(f"{name} does not say what it is about.")
    if not rows or set(rows) - set(METHODS):
        raise MatrixError(f"{name} has methods other than {' and '.join(METHODS)}, or none.")
    for role in (role for roles in rows.values() for role in roles):
        if role not in (*MEMBER_ROLES, ANYONE, PERSON, STAFF) and not role.startswith(f"{STAFF} "):
            raise MatrixError(f"{name} knows “{role}”, which is no role.")
    route = Route(name, about, {method: frozenset(roles) for method, roles in rows.items()}, of)
    if route.is_for_members and route.everybody - set(MEMBER_ROLES):
        raise MatrixError(f"{name} mixes roles of members with others.")
    return route


@cache
def matrix() -> Matrix:
    """Return the matrix of this dashboard."""
    return read(FILE.read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an organisation, of whom no more is known than the role: what `request.may` says of pages for members."""

    role: str

    def may(self, name: str, method: str = "") -> bool:
        """Whether the role may call a route with a method, by default with every method that it has; pages for staff are not asked for."""
        route = matrix().find(name)
        if route is None:
            raise KeyError(name)
        return all(
            {self.role, PERSON, ANYONE} & (route.roles(each) or frozenset())
            for each in ([method] if method else route.who)
        )
