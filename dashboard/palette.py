"""What the command palette finds: keys of the organisation, pages, and actions; only what the person may call."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization
from accounts.requests import PersonRequest
from dashboard.words import Words
from keys import queries

MOST_KEYS = 6
"""More keys than fit without scrolling: the list of keys has the rest."""


@dataclass(frozen=True, slots=True)
class Place:
    """A page or an action. `also` are other words that people type for it; `shortcut` opens it without the palette."""

    title: Words
    route: str
    icon: str
    also: Words = ""
    shortcut: str = ""
    is_action: bool = False
    is_of_organization: bool = False


PLACES = (
    Place(_("API & SDK keys"), "keys:list", "lock", pgettext_lazy("also typed for it", "list home"), "g k"),
    Place(_("Analytics"), "analytics:usage", "gauge", pgettext_lazy("also typed for it", "usage requests traffic chart"), "g a"),
    Place(_("QPS breaches"), "analytics:breaches", "gauge", pgettext_lazy("also typed for it", "analytics limit 429")),
    Place(_("Errors"), "analytics:errors", "alert", pgettext_lazy("also typed for it", "analytics failed 4xx 5xx")),
    Place(_("Where requests come from"), "analytics:callers", "globe", pgettext_lazy("also typed for it", "analytics callers domains networks clients")),
    Place(_("Monthly statement"), "analytics:statement", "table", pgettext_lazy("also typed for it", "analytics print invoice bill")),
    Place(_("Activity"), "activity:list", "clock", pgettext_lazy("also typed for it", "audit log history"), "g l"),
    Place(_("Deleted keys"), "keys:deleted", "trash", pgettext_lazy("also typed for it", "undelete restore")),
    Place(_("Members"), "accounts:members", "user", pgettext_lazy("also typed for it", "people team roles"), "g m", is_of_organization=True),
    Place(_("Organisation settings"), "accounts:settings", "rows", pgettext_lazy("also typed for it", "time zone plan name"), is_of_organization=True),
    Place(_("Policy for keys"), "accounts:key_policy", "shield", pgettext_lazy("also typed for it", "organisation end date expire once"), is_of_organization=True),
    Place(_("What members are asked for"), "accounts:security", "shield", pgettext_lazy("also typed for it", "organisation second factor security"), is_of_organization=True),
    Place(_("All your organisations"), "accounts:own", "switch", pgettext_lazy("also typed for it", "change customer")),
    Place(_("Notices"), "notices:list", "bell", pgettext_lazy("also typed for it", "told unread"), "g n"),
    Place(_("Your mails"), "notices:choices", "send", pgettext_lazy("also typed for it", "notifications digest")),
    Place(_("Sign-in and security"), "security", "shield", pgettext_lazy("also typed for it", "password passkey factor devices sessions account")),
    Place(_("Support desk"), "support:search", "search", pgettext_lazy("also typed for it", "help customer look up"), "g s"),
    Place(_("QPS requests"), "support:qps_queue", "gauge", pgettext_lazy("also typed for it", "decide approve queue")),
    Place(_("Admin"), "admin:index", "table", pgettext_lazy("also typed for it", "administration")),
    Place(_("Create key"), "keys:create", "plus", pgettext_lazy("also typed for it", "new add"), "c", is_action=True),
    Place(_("Invite a member"), "accounts:invite", "user", pgettext_lazy("also typed for it", "add people"), is_action=True, is_of_organization=True),
    Place(_("Rename the organisation"), "accounts:rename", "edit", is_action=True, is_of_organization=True),
    Place(_("Create an organisation"), "accounts:create", "plus", pgettext_lazy("also typed for it", "new customer"), is_action=True),
    Place(_("Change your password"), "account_change_password", "lock", pgettext_lazy("also typed for it", "security account"), is_action=True),
    Place(_("Keyboard shortcuts"), "shortcuts", "info", pgettext_lazy("also typed for it", "keys help"), "?", is_action=True),
    Place(_("Sign out"), "account_logout", "out", pgettext_lazy("also typed for it", "log out leave"), is_action=True),
)  # fmt: skip
OPENS_PAGE = frozenset({"account_change_password", "account_logout"})
"""Actions whose page is no dialog."""
ON_KEYS = (
    (_("Edit %(key)s"), "keys:edit", "edit"),
    (_("Rotate %(key)s"), "keys:rotate", "rotate"),
    (_("Manage QPS of %(key)s"), "keys:qps", "gauge"),
    (_("Delete %(key)s"), "keys:delete", "trash"),
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
        (gettext("Keys"), [_key_line(key) for key in keys]),
        (gettext("Actions on this key"), _actions_on(request, keys[0]) if query and len(keys) == 1 else []),
        (gettext("Pages"), [_place_line(request.organization, place) for place in places if not place.is_action]),
        (gettext("Actions"), [_place_line(request.organization, place) for place in places if place.is_action]),
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
    enable, disable = (_("Enable %(key)s"), "keys:enable", "power"), (_("Disable %(key)s"), "keys:disable", "ban")
    switch = enable if key.disabled_at else disable
    may = [
        (verb, route, icon)
        for verb, route, icon in (*ON_KEYS[:3], switch, *ON_KEYS[3:])
        if request.may(route)
        and (route != "keys:qps" or key.organization.is_enterprise)
        and (route != "keys:enable" or not key.disabled_by_staff)
    ]
    return [
        {
            "title": str(verb) % {"key": key.name},
            "url": reverse(route, args=[key.public_id]),
            "icon": icon,
            "is_dialog": True,
        }
        for verb, route, icon in may
    ]


def _place_line(organization: Organization | None, place: Place) -> dict[str, Any]:
    return {
        "title": str(place.title),
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
