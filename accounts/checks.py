"""What Django checks at start: every route of the URL configuration has a row in the role matrix, and every row a route."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from django.core.checks import CheckMessage, Error
from django.urls import URLPattern, URLResolver, get_resolver

from accounts import roles


@dataclass(frozen=True, slots=True)
class Address:
    """A route as the URL configuration has it: its name with namespaces, and its path with parameters."""

    name: str
    path: str
    pattern: URLPattern


def addresses(resolver: URLResolver | None = None, path: str = "/", spaces: tuple[str, ...] = ()) -> Iterator[Address]:
    """Walk the URL configuration. A route without a name is called after its view, as Django does."""
    for each in (resolver or get_resolver()).url_patterns:
        where = path + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from addresses(each, where, (*spaces, each.namespace) if each.namespace else spaces)
        else:
            yield Address(":".join([*spaces, each.name or each.lookup_str]), where, each)


def check_roles(app_configs: Any, **options: Any) -> list[CheckMessage]:
    """Refuse to start with a route that nobody may call, or a row that stands for nothing."""
    try:
        matrix = roles.matrix()
    except roles.MatrixError as error:
        return [Error(str(error), obj=roles.FILE, id="accounts.E001")]
    names = [address.name for address in addresses()]
    without_row = sorted({name for name in names if matrix.find(name) is None})
    without_route = [row.name for row in matrix.routes if not any(fnmatchcase(name, row.name) for name in names)]
    return [
        *(Error(f"The route {name} has no row in {roles.FILE.name}.", id="accounts.E002") for name in without_row),
        *(
            Error(f"The row {name} of {roles.FILE.name} stands for no route.", id="accounts.E003")
            for name in without_route
        ),
    ]
