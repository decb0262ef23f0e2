"""What the command palette finds: keys of the organisation, pages, and actions; only what the person may call."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from accounts.models import Organization
from accounts.requests import PersonRequest
from keys import queries

MOST_KEYS = 6
"""More keys than fit without scrolling: the list of keys has the rest."""


@dataclass(frozen=True, slots=True)
class Place:
    """A page or an action. `also` are other words that people type for it; `shortcut` opens it without the palette."""

    title: str
    route: str
    icon: str
    also: str = ""
    shortcut: str = ""
    is_action: bool = False
    is_of_organization: bool = False


PLACES = (
    Place("API & SDK keys", "keys:list", "lock", "list home", "g k"),
    Place("Analytics", "analytics:usage", "gauge", "usage requests traffic chart", "g a"),
    Place("QPS breaches", "analytics:breaches", "gauge", "analytics limit 429"),
    Place("Errors", "analytics:errors", "alert", "analytics failed 4xx 5xx"),
    Place("Where requests come from", "analytics:callers", "globe", "analytics callers domains networks clients"),
    Place("Monthly statement", "analytics:statement", "table", "analytics print invoice bill"),
    Place("Activity", "activity:list", "clock", "audit log history", "g l"),
    Place("Deleted keys", "keys:deleted", "trash", "undelete restore"),
    Place("Members", "accounts:members", "user", "people team roles", "g m", is_of_organization=True),
    Place("Organisation settings", "accounts:settings", "rows", "time zone plan name", is_of_organization=True),
    Place("Policy for keys", "accounts:key_policy", "shield", "organisation end date expire once", is_of_organization=True),
    Place("What members are asked for", "accounts:security", "shield", "organisation second factor security", is_of_organization=True),
    Place("All your organisations", "accounts:own", "switch", "change customer"),
    Place("Notices", "notices:list", "bell", "told unread", "g n"),
    Place("Your mails", "notices:choices", "send", "notifications digest"),
    Place("Sign-in and security", "security", "shield", "password passkey factor devices sessions account"),
    Place("Support desk", "support:search", "search", "help customer look up", "g s"),
    Place("QPS requests", "support:qps_queue", "gauge", "decide approve queue"),
    Place("Admin", "admin:index", "table", "administration"),
    Place("Create key", "keys:create", "plus", "new add", "c", is_action=True),
    Place("Invite a member", "accounts:invite", "user", "add people", is_action=True, is_of_organization=True),
    Place("Rename the organisation", "accounts:rename", "edit", is_action=True, is_of_organization=True),
    Place("Create an organisation", "accounts:create", "plus", "new customer", is_action=True),
    Place("Change your password", "account_change_password", "lock", "security account", is_action=True),
    Place("Keyboard shortcuts", "shortcuts", "info", "keys help", "?", is_action=True),
    Place("Sign out", "account_logout", "out", "log out leave", is_action=True),
)  # fmt: skip
OPENS_PAGE = frozenset({"account_change_password", "account_logout"})
"""Actions whose page is no dialog."""
ON_KEYS = (
    ("Edit", "keys:edit", "edit"),
    ("Rotate", "keys:rotate", "rotate"),
    ("Manage QPS of", "keys:qps", "gauge"),
    ("Delete", "keys:delete", "trash"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """One line of the palette. `note` is what tells keys of the same name apart; `number` counts through all lines."""

    number: int
    title: str
    url: str
    icon: str
    note: str = ""
    state: str = ""
    shortcut: str = ""
    is_dialog: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Lines under one heading."""

    heading: str
    lines: tuple[Found, ...]


def find(request: PersonRequest, query: str) -> tuple[Group, ...]:
    """Return what a text finds, keys first; without a text the keys used last, pages and actions."""
    query = query.strip()[:200]
    keys = queries.find(request.organization, query, MOST_KEYS) if request.organization else []
    places = [place for place in PLACES if request.may(place.route) and _is_meant(place, query)]
    groups = [
        ("Keys", [_key_line(key) for key in keys]),
        ("Actions on this key", _actions_on(request, keys[0]) if query and len(keys) == 1 else []),
        ("Pages", [_place_line(request.organization, place) for place in places if not place.is_action]),
        ("Actions", [_place_line(request.organization, place) for place in places if place.is_action]),
    ]
    return _numbered((heading, lines) for heading, lines in groups if lines)


def shortcuts(request: PersonRequest) -> list[Place]:
    """Return the places with keys of their own that the person may call."""
    return [place for place in PLACES if place.shortcut and request.may(place.route)]


def _is_meant(place: Place, query: str) -> bool:
    """Whether each word of the text begins a word of the place."""
    words = f"{place.title} {place.also}".casefold().replace("-", " ").split()
    return all(any(word.startswith(typed) for word in words) for typed in query.casefold().split())


def _key_line(key: Any) -> dict[str, Any]:
    return {
        "title": key.name,
        "url": reverse("keys:detail", args=[key.public_id]),
        "icon": "lock",
        "note": key.public_id,
        "state": key.state,
    }


def _actions_on(request: PersonRequest, key: Any) -> list[dict[str, Any]]:
    switch = ("Enable", "keys:enable", "power") if key.disabled_at else ("Disable", "keys:disable", "ban")
    may = [
        (verb, route, icon)
        for verb, route, icon in (*ON_KEYS[:3], switch, *ON_KEYS[3:])
        if request.may(route)
        and (route != "keys:qps" or key.organization.is_enterprise)
        and (route != "keys:enable" or not key.disabled_by_staff)
    ]
    return [
        {"title": f"{verb} {key.name}", "url": reverse(route, args=[key.public_id]), "icon": icon, "is_dialog": True}
        for verb, route, icon in may
    ]


def _place_line(organization: Organization | None, place: Place) -> dict[str, Any]:
    return {
        "title": place.title,
        "url": reverse(place.route, args=[organization.public_id] if organization and place.is_of_organization else []),
        "icon": place.icon,
        "shortcut": place.shortcut,
        "is_dialog": place.is_action and place.route not in OPENS_PAGE,
    }


def _numbered(groups: Iterable[tuple[str, list[dict[str, Any]]]]) -> tuple[Group, ...]:
    made, number = [], 0
    for heading, lines in groups:
        made.append(Group(heading, tuple(Found(number + index, **line) for index, line in enumerate(lines, 1))))
        number += len(lines)
    return tuple(made)
