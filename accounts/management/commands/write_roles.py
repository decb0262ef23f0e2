"""Write docs/roles.md from the role matrix, after every change of accounts/roles.toml."""

import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from accounts import roles
from accounts.checks import addresses
from accounts.roles import MEMBER_ROLES, Route

PAGE = Path(settings.BASE_DIR) / "docs" / "roles.md"

HEAD = """# Who may do what

Written from `accounts/roles.toml` by `python manage.py write_roles`; a test holds the two equal. The same file decides each
request (`accounts/access.py`) and which links a page shows, and `tests/tenancy/` tries every cell of it.

- Who is not signed in is led to the sign-in page.
- What belongs to another organisation is a 404, whatever the role and the method.
- A member without the right gets a 403 that says whose right it is; a method without a row is a 405.
- Pages of the provider's people are a 404 for everybody else.
- Rights are read anew for every request: they end with the membership, also in a browser that is open elsewhere.
"""


class Command(BaseCommand):
    """Write the page."""

    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        """Write it and say so."""
        PAGE.write_text(page(), encoding="utf-8")
        self.stdout.write(f"{PAGE.relative_to(settings.BASE_DIR)} is written.")


def page() -> str:
    """Return the page as it follows from the matrix."""
    paths: dict[str, str] = {}
    for address in addresses():
        if route := roles.matrix().find(address.name):
            paths.setdefault(route.name, f"{_plain(address.path)} …" if "*" in route.name else _plain(address.path))
    members = [route for route in roles.matrix().routes if route.is_for_members]
    others = [route for route in roles.matrix().routes if not route.is_for_members]
    titles = " | ".join(name.capitalize() for name in MEMBER_ROLES)
    lines = [HEAD, "## Members of an organisation", "", f"| What | Address | Method | {titles} |", "|---" * 7 + "|"]
    lines += [_row(route, method, paths, _ticks(route, method)) for route in members for method in route.who]
    lines += ["", "## Everybody else", "", "| What | Address | Method | Who |", "|---" * 4 + "|"]
    lines += [_row(route, method, paths, _names(route, method)) for route in others for method in route.who]
    return "\n".join(lines) + "\n"


def _plain(path: str) -> str:
    """Return a path with its parameters as `<name>`, whether it was written as a route or as a regular expression."""
    return (
        re.sub(r"<\w+:(\w+)>", r"<\1>", re.sub(r"\(\?P(<\w+>)[^)]*\)", r"\1", path)).replace("^", "").replace("$", "")
    )


def _row(route: Route, method: str, paths: dict[str, str], who: str) -> str:
    return f"| {route.about} | `{paths.get(route.name, route.name)}` | {method} | {who} |"


def _ticks(route: Route, method: str) -> str:
    return " | ".join("yes" if name in route.who[method] else "no" for name in MEMBER_ROLES)


def _names(route: Route, method: str) -> str:
    return ", ".join(_in_words(name) for name in sorted(route.who[method]))


def _in_words(name: str) -> str:
    role, _, permission = name.partition(" ")
    words = {roles.ANYONE: "anyone", roles.PERSON: "whoever is signed in", roles.STAFF: "the provider's people"}[role]
    return f"{words} with the permission `{permission}`" if permission else words
