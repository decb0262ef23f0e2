"""The audit log in words: one place that turns verbs into sentences, for keys, people, organisations, QPS and security.

A sentence is data: an icon, what was done with `{it}` in the place of what it was done to, and a second line. What needs more
than filling in is a function below. A verb that is not known gets a plain sentence.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from accounts.models import AuditEvent, Sensitive

Zone = dt.tzinfo
Facts = Mapping[str, Any]
Tale = tuple[str, str, str]
"""Icon, sentence, second line; `_IT` in the sentence is what it was done to."""

_IT = "\0"
SUPPORT = "Support"
NOUNS = {
    "key": "the key",
    "qps": "the key",
    "support": "the key",
    "organization": "the organisation",
    "user": "the account",
}
KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "keys": ("Keys", ("key",)),
    "qps": ("QPS", ("qps",)),
    "alerts": ("Alerts", ("alert",)),
    "members": ("Members", ("member", "membership", "invitation")),
    "organisation": ("Organisation", ("organization",)),
    "security": (
        "Security",
        (
            "second_factor",
            "second_factors",
            "passkey",
            "recovery_code",
            "recovery_codes",
            "device",
            "session",
            "sessions",
            "password",
            "address",
            "sign_on",
            "user",
        ),
    ),
    SUPPORT.lower(): (SUPPORT, ("support",)),
}
"""Groups of verbs: the word for each, and the nouns that its verbs begin with."""

FACTS = {
    "billing": "billing type",
    "expiry": "end date",
    "key_life_days": "longest life in days",
    "limits": "QPS limits",
    "shows_secrets_once": "keys shown only once",
    "time_zone": "time zone",
}
"""Facts whose name in the log is not the word that people use."""

SENTENCES: dict[str, Tale] = {
    "address.changed": ("user", "changed the address to {after[email]}", ""),
    "alert.created": ("plus", "set the alert {it}", "{after[condition]}"),
    "alert.deleted": ("trash", "deleted the alert {it}", "{before[condition]}"),
    "alert.paused": ("bell", "paused the alert {it}", ""),
    "alert.resumed": ("bell", "resumed the alert {it}", ""),
    "alert.secret_renewed": ("rotate", "made a new signing secret for the alert {it}", ""),
    "alert.tested": ("send", "tried out the alert {it}", ""),
    "device.added": ("user", "signed in on a new device", "{after[device]}, from {after[network]}"),
    "invitation.accepted": ("user", "accepted the invitation and became a member", "As {after[role]}"),
    "invitation.resent": ("send", "invited {it} once more", ""),
    "invitation.sent": ("send", "invited {it}", "As {after[role]}"),
    "invitation.withdrawn": ("close", "withdrew the invitation of {it}", ""),
    "key.copied": ("copy", "copied string {after[string]} of {it}", ""),
    "key.created": ("plus", "created {it}", "{after[products]}"),
    "key.deleted": ("trash", "deleted {it}", ""),
    "key.disabled": ("ban", "disabled {it}", "{after[reason]}"),
    "key.enabled": ("power", "enabled {it}", "{after[reason]}"),
    "key.old_string_extended": ("clock", "let string {after[string]} of {it} work longer", ""),
    "key.old_string_retired": ("ban", "retired string {before[string]} of {it}", "It is refused since."),
    "member.left": ("out", "left the organisation", "Was {before[role]}"),
    "member.removed": ("user", "removed {it}", "Was {before[role]}"),
    "member.role_changed": ("user", "changed the role of {it}", "{before[role]} → {after[role]}"),
    "organization.created": ("plus", "created {it}", ""),
    "organization.deleted": ("trash", "deleted {it}", ""),
    "organization.handed_over": ("user", "made {it} the owner, and became an admin", ""),
    "organization.removed": ("trash", "removed {it} for good", ""),
    "organization.renamed": ("edit", "renamed {it}", "{before[name]} → {after[name]}"),
    "organization.restored": ("rotate", "brought {it} back", ""),
    "organization.resumed": ("power", "resumed {it}", "Its keys work again."),
    "organization.suspended": ("ban", "suspended {it}", "{after[reason]}"),
    "passkey.added": ("passkey", "added the passkey “{after[name]}”", ""),
    "passkey.removed": ("passkey", "removed the passkey “{before[name]}”", ""),
    "password.changed": ("lock", "changed the password", ""),
    "recovery_code.used": ("shield", "used a recovery code {after[why]}", "{after[device]}, from {after[network]}"),
    "recovery_codes.made": ("shield", "got new recovery codes", ""),
    "second_factor.added": ("shield", "set up an authenticator app", ""),
    "second_factor.removed": ("shield", "removed the authenticator app", ""),
    "second_factors.reset": ("shield", "removed every second factor", "{after[reason]}"),
    "session.ended": ("out", "signed out another device", "{before[device]}, from {before[network]}"),
    "sessions.ended": ("out", "signed out everywhere else", ""),
    "sign_on.linked": ("user", "linked the account with single sign-on", ""),
    "support.searched": ("search", "searched for “{label}”", ""),
    "support.traced": ("user", "looked up a request of {it}", "Tracking-ID {after[tracking_id]}"),
    "support.visit_ended": ("user", "stopped viewing the dashboard", "{after[why]}"),
    "support.visit_started": ("user", "began to view the dashboard as this customer", ""),
}
"""What is about a person's own sign-in belongs to no organisation, and names nothing but itself."""


@dataclass(frozen=True, slots=True)
class Story:
    """Who did what: `start`, then what it was done to, then `rest`; a second line of detail, and the icon for it.

    `thing` is empty where the sentence names nothing.
    """

    icon: str
    who: str
    start: str
    thing: str
    rest: str
    detail: str = ""

    @property
    def what(self) -> str:
        """The sentence where it is clear what it is about: "rotated the key immediately"."""
        return f"{self.start}{self.thing}{self.rest}"

    def about(self, name: str) -> str:
        """The sentence with a name in it: "rotated Web shop immediately"."""
        return f"{self.start}{name if self.thing else ''}{self.rest}"


def tell(event: AuditEvent, zone: Zone = dt.UTC) -> Story:
    """Return an audit event as a person would say it, days in the given zone."""
    before, after = event.before or {}, event.after or {}
    try:
        icon, sentence, detail = _TALES.get(event.verb, _written)(event, before, after, zone)
    except (KeyError, TypeError, ValueError):  # the facts are older or newer than the sentence
        icon, sentence, detail = _plain(event, before, after, zone)
    start, mark, rest = sentence.partition(_IT)
    thing = NOUNS.get(_noun(event), event.target_label) if mark else ""
    return Story(icon, who(event), start, thing, rest, detail)


def who(event: AuditEvent) -> str:
    """Return who acted, as the customer reads it: never the name of the provider's people."""
    if event.as_staff:
        return SUPPORT
    return event.actor.label if event.actor else event.actor_label.partition("@")[0]


def kind_of(event: AuditEvent) -> str:
    """Return the word for the group that an event's verb belongs to."""
    return next((word for word, nouns in KINDS.values() if _noun(event) in nouns), "Other")


def differences(before: Facts, after: Facts, zone: Zone = dt.UTC) -> str:
    """Return what changed, in words: "name: Fleet → Fleet two, + Search API"."""
    changes = []
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if isinstance(old, dict) or isinstance(new, dict):
            old, new = ([f"{key} ({value})" for key, value in (each or {}).items()] for each in (old, new))
        if isinstance(new, list) and isinstance(old, list):
            changes += [f"+ {item}" for item in new if item not in old]
            changes += [f"− {item}" for item in old if item not in new]
        elif old != new:
            changes.append(f"{_fact(name)}: {_word(name, old, zone)} → {_word(name, new, zone)}")
    return ", ".join(changes)


def _noun(event: AuditEvent) -> str:
    return event.verb.partition(".")[0]


def _fact(name: str) -> str:
    return FACTS.get(name, name.replace("_", " "))


def _word(name: str, value: Any, zone: Zone) -> str:
    if name == "expiry" and isinstance(value, str):
        return _end_date(value, zone)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value or "none")


def _end_date(text: str, zone: Zone) -> str:
    """The last day of something that ends at midnight, else the day and the time."""
    ends = dt.datetime.fromisoformat(text).astimezone(zone)
    if ends.time() == dt.time():
        last = ends - dt.timedelta(days=1)
        return f"{last.day} {last:%b %Y}"
    return f"{ends.day} {ends:%b %Y, %H:%M}"


def _written(event: AuditEvent, before: Facts, after: Facts, zone: Zone) -> Tale:
    """Fill in the sentence; the second line only where the event has the facts for it."""
    icon, sentence, detail = SENTENCES[event.verb]
    facts = {"it": _IT, "label": event.target_label, "before": _words(before, zone), "after": _words(after, zone)}
    try:
        told = detail.format(**facts)
    except KeyError:
        told = ""
    return icon, sentence.format(**facts), told


def _words(facts: Facts, zone: Zone) -> dict[str, str]:
    return {name: _word(name, value, zone) if value else "" for name, value in facts.items()}


def _plain(event: AuditEvent, before: Facts, after: Facts, zone: Zone) -> Tale:
    """Say `member.role_changed` as "changed the role of" whom; what the provider's people noted for themselves is not told."""
    *object_words, participle = event.verb.partition(".")[2].split("_")
    sentence = f"{participle} the {' '.join(object_words)} of {_IT}" if object_words else f"{participle} {_IT}"
    return "info", sentence, "" if event.as_staff else differences(before, after, zone)


def _edited(event: AuditEvent, before: Facts, after: Facts, zone: Zone) -> Tale:
    *names, last = [_fact(name) for name in {**before, **after}]
    listed = f"{', '.join(names)} and {last}" if names else last
    return "edit", f"changed the {listed} of {_IT}", differences(before, after, zone)


def _alert_edited(event: AuditEvent, before: Facts, after: Facts, zone: Zone) -> Tale:
    return "edit", f"changed the alert {_IT}", differences(before, after, zone)


def _longer(minutes: int) -> str:
    for unit, size in (("day", 60 * 24), ("hour", 60), ("minute", 1)):
        if minutes % size == 0 and minutes >= size * (2 if unit == "day" else 1):
            return f"{minutes // size} {unit}{'s' if minutes > size else ''}"
    return f"{minutes} minutes"


def _rotated(event: AuditEvent, before: Facts, after: Facts, zone: Zone) -> Tale:
    ends = dt.datetime.fromisoformat(after["old_string_ends_at"])
    minutes = round((ends - event.at).total_seconds() / 60)
    how = f"; the old string works {_longer(minutes)} longer" if minutes else " immediately"
    return "rotate", f"rotated {_IT}{how}", f"String {before['string']} → string {after['string']}"


def _undeleted(event: AuditEvent, before: Facts, after: Facts, zone: Zone) -> Tale:
    with_new = f"With a new string, {after['string']}; the old one stays refused."
    return "power", f"brought {_IT} back", with_new if after["is_new"] else f"String {after['string']} works again."


def _sign_in_changed(event: AuditEvent, before: Facts, after: Facts, zone: Zone) -> Tale:
    changes = []
    if "requires_second_factor" in after:
        changes.append(f"{'A' if after['requires_second_factor'] else 'No'} second factor is required")
    if "asks_again_for" in after:
        labels = ", ".join(Sensitive(action).label.lower() for action in after["asks_again_for"])
        changes.append(f"Asked again before: {labels or 'nothing'}")
    return "shield", "changed what members are asked for at sign-in", ". ".join(changes)


def _viewed(event: AuditEvent, before: Facts, after: Facts, zone: Zone) -> Tale:
    what = {"key": _IT, "org": "the organisation", "user": "a person"}[event.target_id.partition("_")[0]]
    return "user", f"looked at {what}", "" if what == _IT else event.target_label


def _qps(word: str, icon: str) -> "Teller":
    def tale(event: AuditEvent, before: Facts, after: Facts, zone: Zone) -> Tale:
        what = f"{word} {after.get('granted', after['requested']):,} QPS for {after['product']} of {_IT}"
        asked = f"{after['requested']:,} were asked for. " if "granted" in after else ""
        note = f"“{after['note']}” " if after.get("note") else ""
        return icon, what, f"{note}{asked}Before: {before['current']:,}"

    return tale


Teller = Callable[[AuditEvent, Facts, Facts, Zone], Tale]
_TALES: dict[str, Teller] = {
    "alert.edited": _alert_edited,
    "key.edited": _edited,
    "key.rotated": _rotated,
    "key.undeleted": _undeleted,
    "organization.edited": _edited,
    "organization.key_policy_changed": _edited,
    "organization.sign_in_changed": _sign_in_changed,
    "qps.requested": _qps("requested", "send"),
    "qps.approved": _qps("approved", "gauge"),
    "qps.rejected": _qps("rejected", "close"),
    "qps.withdrawn": _qps("withdrew the request for", "close"),
    "support.viewed": _viewed,
}
