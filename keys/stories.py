"""Audit events of keys in words."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from accounts.models import AuditEvent, Sensitive


@dataclass(frozen=True, slots=True)
class Story:
    """Who did what, with a second line of detail, and the icon for it."""

    icon: str
    who: str
    what: str
    detail: str = ""


def tell(event: AuditEvent) -> Story:
    """Return an audit event as a person would say it. Verbs that are not known are said as they are."""
    before, after = event.before or {}, event.after or {}
    icon, what, detail = _TALES.get(event.verb, _plain)(event, before, after)
    return Story(icon, _who(event), what, detail)


def _who(event: AuditEvent) -> str:
    if event.as_staff:
        return "The provider"
    return event.actor.label if event.actor else event.actor_label.partition("@")[0]


Tale = tuple[str, str, str]
Facts = dict[str, Any]


def _plain(event: AuditEvent, before: Facts, after: Facts) -> Tale:
    return "info", event.verb.replace(".", " ").replace("_", " "), ""


def _created(event: AuditEvent, before: Facts, after: Facts) -> Tale:
    return "plus", "created the key", ", ".join(after.get("products", []))


def _edited(event: AuditEvent, before: Facts, after: Facts) -> Tale:
    changes = []
    for name in after:
        old, new = before.get(name), after[name]
        if isinstance(new, list) and isinstance(old, list):
            changes += [f"+ {item}" for item in new if item not in old] + [
                f"− {item}" for item in old if item not in new
            ]
        else:
            changes.append(f"{name}: {old or 'none'} → {new or 'none'}")
    return (
        "edit",
        f"changed {' and '.join(after)}".replace("products", "the products").replace("domains", "the domains"),
        ", ".join(changes),
    )


def _longer(minutes: int) -> str:
    for unit, size in (("day", 60 * 24), ("hour", 60), ("minute", 1)):
        if minutes % size == 0 and minutes >= size * (2 if unit == "day" else 1):
            return f"{minutes // size} {unit}{'s' if minutes > size else ''}"
    return f"{minutes} minutes"


def _rotated(event: AuditEvent, before: Facts, after: Facts) -> Tale:
    ends = dt.datetime.fromisoformat(after["old_string_ends_at"])
    minutes = round((ends - event.at).total_seconds() / 60)
    what = (
        f"rotated the key; the old string works {_longer(minutes)} longer" if minutes else "rotated the key immediately"
    )
    return "rotate", what, f"String {before['string']} → string {after['string']}"


def _qps(word: str, icon: str) -> Any:
    def tale(event: AuditEvent, before: Facts, after: Facts) -> Tale:
        what = f"{word} {after['requested']:,} QPS for {after['product']}"
        note = f"“{after['note']}” " if after.get("note") else ""
        return icon, what, f"{note}Before: {before['current']:,}"

    return tale


def _place(facts: Facts) -> str:
    return f"{facts['device']}, from {facts['network']}"


def _sign_in_changed(event: AuditEvent, before: Facts, after: Facts) -> Tale:
    changes = []
    if "requires_second_factor" in after:
        changes.append(
            "A second factor is required" if after["requires_second_factor"] else "No second factor is required"
        )
    if "asks_again_for" in after:
        labels = ", ".join(Sensitive(action).label.lower() for action in after["asks_again_for"])
        changes.append(f"Asked again before: {labels or 'nothing'}")
    return "shield", "changed what members are asked for at sign-in", ". ".join(changes)


_TALES: dict[str, Any] = {
    "key.created": _created,
    "key.edited": _edited,
    "key.rotated": _rotated,
    "key.copied": lambda event, before, after: ("copy", f"copied string {after['string']}", ""),
    "key.old_string_retired": lambda event, before, after: (
        "ban",
        f"retired string {before['string']}",
        "It is refused since.",
    ),
    "key.old_string_extended": lambda event, before, after: ("clock", f"let string {after['string']} work longer", ""),
    "key.disabled": lambda event, before, after: ("ban", "disabled the key", after.get("reason", "")),
    "key.enabled": lambda event, before, after: ("power", "enabled the key", ""),
    "key.deleted": lambda event, before, after: ("trash", "deleted the key", ""),
    "qps.requested": _qps("requested", "send"),
    "qps.approved": _qps("approved", "gauge"),
    "qps.rejected": _qps("rejected", "close"),
    "qps.withdrawn": _qps("withdrew the request for", "close"),
    "organization.created": lambda event, before, after: ("plus", "created the organisation", ""),
    "organization.renamed": lambda event, before, after: (
        "edit",
        "renamed the organisation",
        f"{before['name']} → {after['name']}",
    ),
    "organization.handed_over": lambda event, before, after: (
        "user",
        f"made {event.target_label} the owner, and became an admin",
        "",
    ),
    "organization.deleted": lambda event, before, after: ("trash", "deleted the organisation", ""),
    "organization.restored": lambda event, before, after: ("rotate", "brought the organisation back", ""),
    "organization.removed": lambda event, before, after: ("trash", "removed the organisation for good", ""),
    "member.role_changed": lambda event, before, after: (
        "user",
        f"changed the role of {event.target_label}",
        f"{before['role']} → {after['role']}",
    ),
    "member.removed": lambda event, before, after: ("user", f"removed {event.target_label}", f"Was {before['role']}"),
    "member.left": lambda event, before, after: ("out", "left the organisation", f"Was {before['role']}"),
    "invitation.sent": lambda event, before, after: ("send", f"invited {event.target_label}", f"As {after['role']}"),
    "invitation.resent": lambda event, before, after: ("send", f"invited {event.target_label} once more", ""),
    "invitation.withdrawn": lambda event, before, after: (
        "close",
        f"withdrew the invitation of {event.target_label}",
        "",
    ),
    "invitation.accepted": lambda event, before, after: (
        "user",
        "accepted the invitation and became a member",
        f"As {after['role']}",
    ),
    "organization.sign_in_changed": _sign_in_changed,
    "second_factor.added": lambda event, before, after: ("shield", "set up an authenticator app", ""),
    "second_factor.removed": lambda event, before, after: ("shield", "removed the authenticator app", ""),
    "second_factors.reset": lambda event, before, after: ("shield", "removed every second factor", after["reason"]),
    "passkey.added": lambda event, before, after: ("passkey", f"added the passkey “{after['name']}”", ""),
    "passkey.removed": lambda event, before, after: ("passkey", f"removed the passkey “{before['name']}”", ""),
    "recovery_codes.made": lambda event, before, after: ("shield", "got new recovery codes", ""),
    "recovery_code.used": lambda event, before, after: (
        "shield",
        f"used a recovery code {after['why']}",
        _place(after),
    ),
    "device.added": lambda event, before, after: ("user", "signed in on a new device", _place(after)),
    "session.ended": lambda event, before, after: ("out", "signed out another device", _place(before)),
    "sessions.ended": lambda event, before, after: ("out", "signed out everywhere else", ""),
    "password.changed": lambda event, before, after: ("lock", "changed the password", ""),
    "address.changed": lambda event, before, after: ("user", f"changed the address to {after['email']}", ""),
    "sign_on.linked": lambda event, before, after: ("user", "linked the account with single sign-on", ""),
    "support.viewed": lambda event, before, after: ("user", "looked at the key", ""),
    "support.traced": lambda event, before, after: ("user", "looked up a request", after.get("tracking_id", "")),
}
