"""The audit log in words: one place that turns verbs into sentences, for keys, people, organisations, QPS and security.

A sentence is data: an icon, what was done with `{it}` in the place of what it was done to, and a second line. What needs more
than filling in is a function below. A verb that is not known gets a plain sentence.

The log keeps codes and English; who reads decides the language. Translations have who acted before the sentence, and `{it}`
where an object stands (in German an accusative).
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.formats import date_format, number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop, ngettext, pgettext, pgettext_lazy

from accounts.models import AuditEvent, Sensitive
from accounts.models.membership import said_role
from accounts.signin import devices

Zone = dt.tzinfo
Facts = Mapping[str, Any]
Tale = tuple[str, str, str]
"""Icon, sentence, second line; `_IT` in the sentence is what it was done to."""

_IT = "\0"
SUPPORT = "Support"
NOUNS: dict[str, Promise] = {
    "key": pgettext_lazy("object of a sentence", "the key"),
    "qps": pgettext_lazy("object of a sentence", "the key"),
    "support": pgettext_lazy("object of a sentence", "the key"),
    "organization": pgettext_lazy("object of a sentence", "the organisation"),
    "user": pgettext_lazy("object of a sentence", "the account"),
}
KINDS: dict[str, tuple[str | Promise, tuple[str, ...]]] = {
    "keys": (gettext_lazy("Keys"), ("key",)),
    "qps": (gettext_lazy("QPS"), ("qps",)),
    "alerts": (gettext_lazy("Alerts"), ("alert",)),
    "members": (gettext_lazy("Members"), ("member", "membership", "invitation")),
    "organisation": (gettext_lazy("Organisation"), ("organization",)),
    "security": (
        gettext_lazy("Security"),
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
    "billing": pgettext_lazy("fact", "billing type"),
    "billing type": pgettext_lazy("fact", "billing type"),
    "condition": pgettext_lazy("fact", "condition"),
    "domains": pgettext_lazy("fact", "domains"),
    "expiry": pgettext_lazy("fact", "end date"),
    "key": pgettext_lazy("fact", "key"),
    "key_life_days": pgettext_lazy("fact", "longest life in days"),
    "limits": pgettext_lazy("fact", "QPS limits"),
    "mail": pgettext_lazy("fact", "mail"),
    "name": pgettext_lazy("fact", "name"),
    "plan": pgettext_lazy("fact", "plan"),
    "products": pgettext_lazy("fact", "products"),
    "shows_secrets_once": pgettext_lazy("fact", "keys shown only once"),
    "time_zone": pgettext_lazy("fact", "time zone"),
    "webhook": pgettext_lazy("fact", "webhook"),
}
"""Facts as people call them; others are called as in the log."""

SENTENCES: dict[str, Tale] = {
    "address.changed": ("user", gettext_noop("changed the address to {after[email]}"), ""),
    "alert.created": ("plus", gettext_noop("set the alert {it}"), "{after[condition]}"),
    "alert.deleted": ("trash", gettext_noop("deleted the alert {it}"), "{before[condition]}"),
    "alert.paused": ("bell", gettext_noop("paused the alert {it}"), ""),
    "alert.resumed": ("bell", gettext_noop("resumed the alert {it}"), ""),
    "alert.secret_renewed": ("rotate", gettext_noop("made a new signing secret for the alert {it}"), ""),
    "alert.tested": ("send", gettext_noop("tried out the alert {it}"), ""),
    "device.added": (
        "user",
        gettext_noop("signed in on a new device"),
        gettext_noop("{after[device]}, from {after[network]}"),
    ),
    "invitation.accepted": (
        "user",
        gettext_noop("accepted the invitation and became a member"),
        gettext_noop("As {after[role]}"),
    ),
    "invitation.resent": ("send", gettext_noop("invited {it} once more"), ""),
    "invitation.sent": ("send", gettext_noop("invited {it}"), gettext_noop("As {after[role]}")),
    "invitation.withdrawn": ("close", gettext_noop("withdrew the invitation of {it}"), ""),
    "key.copied": ("copy", gettext_noop("copied string {after[string]} of {it}"), ""),
    "key.created": ("plus", gettext_noop("created {it}"), "{after[products]}"),
    "key.deleted": ("trash", gettext_noop("deleted {it}"), ""),
    "key.disabled": ("ban", gettext_noop("disabled {it}"), "{after[reason]}"),
    "key.enabled": ("power", gettext_noop("enabled {it}"), "{after[reason]}"),
    "key.old_string_extended": ("clock", gettext_noop("let string {after[string]} of {it} work longer"), ""),
    "key.old_string_retired": (
        "ban",
        gettext_noop("retired string {before[string]} of {it}"),
        gettext_noop("It is refused since."),
    ),
    "member.added": ("user", gettext_noop("made {it} a member"), gettext_noop("As {after[role]}")),
    "member.left": ("out", gettext_noop("left the organisation"), gettext_noop("Was {before[role]}")),
    "member.removed": ("user", gettext_noop("removed {it}"), gettext_noop("Was {before[role]}")),
    "member.role_changed": ("user", gettext_noop("changed the role of {it}"), "{before[role]} → {after[role]}"),
    "organization.created": ("plus", gettext_noop("created {it}"), ""),
    "organization.deleted": ("trash", gettext_noop("deleted {it}"), ""),
    "organization.handed_over": ("user", gettext_noop("made {it} the owner, and became an admin"), ""),
    "organization.removed": ("trash", gettext_noop("removed {it} for good"), ""),
    "organization.renamed": ("edit", gettext_noop("renamed {it}"), "{before[name]} → {after[name]}"),
    "organization.restored": ("rotate", gettext_noop("brought {it} back"), ""),
    "organization.resumed": ("power", gettext_noop("resumed {it}"), gettext_noop("Its keys work again.")),
    "organization.suspended": ("ban", gettext_noop("suspended {it}"), "{after[reason]}"),
    "passkey.added": ("passkey", gettext_noop("added the passkey “{after[name]}”"), ""),
    "passkey.removed": ("passkey", gettext_noop("removed the passkey “{before[name]}”"), ""),
    "name.changed": ("edit", gettext_noop("changed the name that others see"), "{before[name]} → {after[name]}"),
    "password.changed": ("lock", gettext_noop("changed the password"), ""),
    "recovery_code.used": (
        "shield",
        gettext_noop("used a recovery code {after[why]}"),
        gettext_noop("{after[device]}, from {after[network]}"),
    ),
    "recovery_codes.made": ("shield", gettext_noop("got new recovery codes"), ""),
    "second_factor.added": ("shield", gettext_noop("set up an authenticator app"), ""),
    "second_factor.removed": ("shield", gettext_noop("removed the authenticator app"), ""),
    "second_factors.reset": ("shield", gettext_noop("removed every second factor"), "{after[reason]}"),
    "session.ended": (
        "out",
        gettext_noop("signed out another device"),
        gettext_noop("{before[device]}, from {before[network]}"),
    ),
    "sessions.ended": ("out", gettext_noop("signed out everywhere else"), ""),
    "sign_on.linked": ("user", gettext_noop("linked the account with single sign-on"), ""),
    "support.searched": ("search", gettext_noop("searched for “{label}”"), ""),
    "support.traced": (
        "user",
        gettext_noop("looked up a request of {it}"),
        gettext_noop("Tracking-ID {after[tracking_id]}"),
    ),
    "support.visit_ended": ("user", gettext_noop("stopped viewing the dashboard"), "{after[why]}"),
    "support.visit_started": ("user", gettext_noop("began to view the dashboard as this customer"), ""),
}
"""What is about a person's own sign-in belongs to no organisation, and names nothing but itself."""


_PLAIN = (
    gettext_noop("created {it}"),
    gettext_noop("edited {it}"),
    gettext_noop("removed {it}"),
    gettext_noop("noted {it}"),
)
"""Plain sentences of verbs of the admin and of notes."""


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
    thing = str(NOUNS.get(_noun(event), event.target_label)) if mark else ""
    return Story(icon, who(event), start, thing, rest, detail)


def who(event: AuditEvent) -> str:
    """Return who acted, as the customer reads it: never the name of the provider's people."""
    if event.as_staff:
        return SUPPORT
    return event.actor.label if event.actor else event.actor_label.partition("@")[0]


def kind_of(event: AuditEvent) -> str:
    """Return the word for the group that an event's verb belongs to."""
    return next((str(word) for word, nouns in KINDS.values() if _noun(event) in nouns), _("Other"))


def differences(before: Facts, after: Facts, zone: Zone = dt.UTC) -> str:
    """Return what changed, in words: "name: Fleet → Fleet two, + Search API"."""
    changes = []
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if name not in _SAID and (isinstance(old, dict) or isinstance(new, dict)):
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
    return str(FACTS.get(name, name.replace("_", " ")))


def _word(name: str, value: Any, zone: Zone) -> str:
    if name == "expiry" and isinstance(value, str):
        return _end_date(value, zone)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int):
        return _number(value)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if not value:
        return pgettext("fact", "none")
    return _SAID[name](value) if name in _SAID else str(value)


def _number(value: int) -> str:
    return str(number_format(value, force_grouping=True))


_SAID: dict[str, Callable[[Any], str]] = {"role": said_role, "device": devices.said, "why": _}
"""How facts are said that the log keeps as a code, as figures or in English."""


def register(name: str, teller: Callable[[Any], str]) -> None:
    """Have a fact of that name said by a function of the room that knows it. What the log kept earlier may be text."""
    _SAID[name] = teller


def _end_date(text: str, zone: Zone) -> str:
    """The last day of something that ends at midnight, else the day and the time."""
    ends = dt.datetime.fromisoformat(text).astimezone(zone)
    if ends.time() == dt.time():
        last = ends - dt.timedelta(days=1)
        return date_format(last, pgettext("date format", "j M Y"))
    return date_format(ends, pgettext("date format", "j M Y, H:i"))


def _written(event: AuditEvent, before: Facts, after: Facts, zone: Zone) -> Tale:
    """Fill in the sentence; the second line only where the event has the facts for it."""
    icon, sentence, detail = SENTENCES[event.verb]
    facts = {"it": _IT, "label": event.target_label, "before": _words(before, zone), "after": _words(after, zone)}
    try:
        told = _(detail).format(**facts) if detail else ""
    except KeyError:
        told = ""
    return icon, _(sentence).format(**facts), told


def _words(facts: Facts, zone: Zone) -> dict[str, str]:
    return {name: _word(name, value, zone) if value else "" for name, value in facts.items()}


def _plain(event: AuditEvent, before: Facts, after: Facts, zone: Zone) -> Tale:
    """Say `member.role_changed` as "changed the role of" whom; what the provider's people noted for themselves is not told."""
    *object_words, participle = event.verb.partition(".")[2].split("_")
    sentence = f"{participle} the {' '.join(object_words)} of {{it}}" if object_words else f"{participle} {{it}}"
    return "info", _(sentence).format(it=_IT), "" if event.as_staff else differences(before, after, zone)


def _edited(event: AuditEvent, before: Facts, after: Facts, zone: Zone) -> Tale:
    *names, last = [_fact(name) for name in {**before, **after}]
    listed = _("{first} and {last}").format(first=", ".join(names), last=last) if names else last
    return "edit", _("changed the {facts} of {it}").format(facts=listed, it=_IT), differences(before, after, zone)


def _alert_edited(event: AuditEvent, before: Facts, after: Facts, zone: Zone) -> Tale:
    return "edit", _("changed the alert {it}").format(it=_IT), differences(before, after, zone)


def _longer(minutes: int) -> str:
    if minutes % (60 * 24) == 0 and minutes >= 60 * 24 * 2:
        return ngettext("{number} day", "{number} days", minutes // (60 * 24)).format(number=minutes // (60 * 24))
    if minutes % 60 == 0 and minutes >= 60:
        return ngettext("{number} hour", "{number} hours", minutes // 60).format(number=minutes // 60)
    return ngettext("{number} minute", "{number} minutes", minutes).format(number=minutes)


def _rotated(event: AuditEvent, before: Facts, after: Facts, zone: Zone) -> Tale:
    ends = dt.datetime.fromisoformat(after["old_string_ends_at"])
    minutes = round((ends - event.at).total_seconds() / 60)
    with_grace = _("rotated {it}; the old string works {time} longer") if minutes else _("rotated {it} immediately")
    strings = _("String {before} → string {after}").format(before=before["string"], after=after["string"])
    return "rotate", with_grace.format(it=_IT, time=_longer(minutes)), strings


def _undeleted(event: AuditEvent, before: Facts, after: Facts, zone: Zone) -> Tale:
    with_new, as_before = (
        _("With a new string, {number}; the old one stays refused."),
        _("String {number} works again."),
    )
    told = (with_new if after["is_new"] else as_before).format(number=after["string"])
    return "power", _("brought {it} back").format(it=_IT), told


def _sign_in_changed(event: AuditEvent, before: Facts, after: Facts, zone: Zone) -> Tale:
    changes = []
    if "requires_second_factor" in after:
        is_required = after["requires_second_factor"]
        changes.append(_("A second factor is required") if is_required else _("No second factor is required"))
    if "asks_again_for" in after:
        listed = ", ".join(Sensitive(action).said for action in after["asks_again_for"])
        changes.append(_("Asked again before: {actions}").format(actions=listed or pgettext("in a list", "nothing")))
    return "shield", _("changed what members are asked for at sign-in"), ". ".join(changes)


def _viewed(event: AuditEvent, before: Facts, after: Facts, zone: Zone) -> Tale:
    sentences = {
        "key": _("looked at {it}"),
        "org": _("looked at the organisation"),
        "user": _("looked at a person"),
    }
    kind = event.target_id.partition("_")[0]
    return "user", sentences[kind].format(it=_IT), "" if kind == "key" else event.target_label


def _qps(sentence: str, icon: str) -> "Teller":
    def tale(event: AuditEvent, before: Facts, after: Facts, zone: Zone) -> Tale:
        granted = _number(after.get("granted", after["requested"]))
        details = [_("“{note}”").format(note=after["note"])] if after.get("note") else []
        if "granted" in after:
            details.append(_("{number} were asked for.").format(number=_number(after["requested"])))
        details.append(_("Before: {number}").format(number=_number(before["current"])))
        what = _(sentence).format(number=granted, product=after["product"], it=_IT)
        return icon, what, " ".join(details)

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
    "qps.requested": _qps(gettext_noop("requested {number} QPS for {product} of {it}"), "send"),
    "qps.approved": _qps(gettext_noop("approved {number} QPS for {product} of {it}"), "gauge"),
    "qps.rejected": _qps(gettext_noop("rejected {number} QPS for {product} of {it}"), "close"),
    "qps.withdrawn": _qps(gettext_noop("withdrew the request for {number} QPS for {product} of {it}"), "close"),
    "support.viewed": _viewed,
}
