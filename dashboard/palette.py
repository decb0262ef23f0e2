"""What the command palette finds: keys of the organisation, pages, and actions; only what the person may call."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.urls import Resolver404, resolve, reverse
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization
from accounts.requests import PersonRequest
from dashboard import htmx, public_ids
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
    Place(_("Change your name"), "own_name", "edit", pgettext_lazy("also typed for it", "rename account profile"), is_action=True),
    Place(_("Change your password"), "account_change_password", "lock", pgettext_lazy("also typed for it", "security account"), is_action=True),
    Place(_("Keyboard shortcuts"), "shortcuts", "info", pgettext_lazy("also typed for it", "keys help"), "?", is_action=True),
    Place(_("Sign out"), "account_logout", "out", pgettext_lazy("also typed for it", "log out leave"), is_action=True),
)  # fmt: skip
OPENS_PAGE = frozenset({"account_change_password", "account_logout"})
"""Actions whose page is no dialog."""


@dataclass(frozen=True, slots=True)
class Verb:
    """An action on a key, such as "Rotate" by its page. `also` are other words that people type for it."""

    title: Words
    route: str
    icon: str
    also: Words = ""


COPY_ID = Verb(_("Copy ID of %(key)s"), "keys:detail", "copy")
ENABLE = Verb(_("Enable %(key)s"), "keys:enable", "power", pgettext_lazy("also typed for it", "resume"))
DISABLE = Verb(_("Disable %(key)s"), "keys:disable", "ban", pgettext_lazy("also typed for it", "block stop pause"))
QPS = Verb(_("Manage QPS of %(key)s"), "keys:qps", "gauge", pgettext_lazy("also typed for it", "limits quota request"))
VERBS = (
    COPY_ID,
    Verb(_("Edit %(key)s"), "keys:edit", "edit", pgettext_lazy("also typed for it", "rename domains products")),
    Verb(_("Rotate %(key)s"), "keys:rotate", "rotate", pgettext_lazy("also typed for it", "renew replace")),
    QPS,
    ENABLE,
    DISABLE,
    Verb(_("Delete %(key)s"), "keys:delete", "trash", pgettext_lazy("also typed for it", "remove revoke")),
)
LEAST_TYPED = 3
"""So many letters of a verb mean it."""


@dataclass(frozen=True, slots=True)
class Found:
    """One line of the palette. `note` is what tells keys of the same name apart; `number` counts through all lines.

    Choosing one with `copies` copies that.
    """

    number: int
    title: str
    url: str
    icon: str
    note: str = ""
    state: str = ""
    shortcut: str = ""
    is_dialog: bool = False
    copies: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Lines under one heading."""

    heading: str
    lines: tuple[Found, ...]


def find(request: PersonRequest, query: str, page: str = "") -> tuple[Group, ...]:
    """Return what a text finds, keys first; without a text the keys used last, pages and actions.

    On the page of a key, by its path in `page`, actions on that key come first.
    """
    query = query.strip()[:200]
    keys = queries.find(request.organization, query, MOST_KEYS) if request.organization else []
    here = _key_of(request, page)
    places = [place for place in PLACES if request.may(place.route) and _is_meant(place, query)]
    chosen = here if not query else keys[0] if len(keys) == 1 else None
    on_chosen = (gettext("Actions on this key"), _actions_on(request, chosen, VERBS) if chosen else [])
    groups = [
        *([] if query else [on_chosen]),
        (gettext("Keys"), [_key_line(key) for key in keys]),
        *([on_chosen] if query else []),
        (gettext("Actions on keys"), _typed_actions(request, query, here)),
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


def _key_of(request: PersonRequest, page: str) -> Any:
    """Return the key that a page is about; None where it is about something else."""
    try:
        public_id = resolve(page).kwargs.get("public_id", "") if page else ""
    except Resolver404:
        return None
    if not request.organization or not public_ids.normalise(public_id, "key"):
        return None
    return request.organization.keys.kept().select_related("organization").filter(public_id=public_id).first()


def _typed_actions(request: PersonRequest, query: str, here: Any) -> list[dict[str, Any]]:
    """Return what "rotate fleet" means: a verb, and the keys that the other words find, or this key and those used last."""
    typed = query.casefold().split()
    said = [word for word in typed if len(word) >= LEAST_TYPED and any(_begins(verb, word) for verb in VERBS)]
    if not said or not request.organization:
        return []
    verbs = [verb for verb in VERBS if all(_begins(verb, word) for word in said)]
    rest = " ".join(word for word in typed if word not in said)
    keys = queries.find(request.organization, rest, MOST_KEYS)
    if here and not rest:
        keys = [here, *(key for key in keys if key.pk != here.pk)]
    return [line for key in keys for line in _actions_on(request, key, verbs)][:MOST_KEYS]


def _begins(verb: Verb, typed: str) -> bool:
    """Whether this begins a word of the verb."""
    return any(word.startswith(typed) for word in f"{verb.title % {'key': ''}} {verb.also}".casefold().split())


def _actions_on(request: PersonRequest, key: Any, verbs: Iterable[Verb]) -> list[dict[str, Any]]:
    def may(verb: Verb) -> bool:
        if verb in (ENABLE, DISABLE) and (verb is ENABLE) != bool(key.disabled_at):
            return False
        if verb is ENABLE and key.disabled_by_staff:
            return False
        if verb is COPY_ID:
            return htmx.wants_fragment(request)
        return request.may(verb.route) and (verb is not QPS or key.organization.is_enterprise)

    return [
        {
            "title": str(verb.title) % {"key": key.name},
            "url": reverse(verb.route, args=[key.public_id]),
            "icon": verb.icon,
            "is_dialog": verb is not COPY_ID,
            "copies": key.public_id if verb is COPY_ID else "",
        }
        for verb in verbs
        if may(verb)
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
