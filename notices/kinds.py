"""Every kind of notice, as data: who gets it, what it says, where it leads, whether it can be switched off.

Titles and paragraphs are filled with `str.format` from the notice's context. A paragraph or fact with an empty value is left
out. Values whose names end in `_at` are moments and are shown in the organisation's time zone.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Audience(StrEnum):
    """Who may still read a notice when it is about to be shown or mailed."""

    MEMBERS = "members"
    STAFF = "staff"
    PERSON = "person"


class Mail(StrEnum):
    """When a person wants the mails of a group."""

    AT_ONCE = "at_once"
    DAILY = "daily"
    NEVER = "never"


MAIL_WORDS: Final = {Mail.AT_ONCE: "At once", Mail.DAILY: "Once a day", Mail.NEVER: "Never"}


@dataclass(frozen=True, slots=True)
class Group:
    """Kinds that a person chooses together. Of mandatory ones the mail always goes out at once."""

    code: str
    name: str
    explanation: str
    default: Mail = Mail.AT_ONCE
    is_mandatory: bool = False
    for_staff: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind. `page` is the address's name to which `about` leads, none where there is nothing to open."""

    code: str
    group: Group
    title: str
    paragraphs: tuple[str, ...]
    facts: tuple[tuple[str, str], ...] = ()
    audience: Audience = Audience.MEMBERS
    page: str = ""
    icon: str = "info"
    has_link: bool = False
    """Whether its mail leads to an address that only the mail holds, so that it cannot be sent again."""


ACCOUNT = Group("account", "Your account", "Invitations, sign-ins, second factors, suspensions.", is_mandatory=True)
KEYS = Group("keys", "Keys disabled and enabled", "A key stops or works again, and why.")
ENDS = Group("ends", "Ends of keys and old strings", "Before and after a key expires or an old string stops.")
QPS = Group("qps", "QPS requests", "What became of the limits that you asked for.")
TRAFFIC = Group("traffic", "Unusual traffic", "A busy key goes silent, or many of its requests are refused.")
ALERTS = Group("alerts", "Alerts", "An alert that your organisation set fires, or is over.")
DESK = Group("desk", "QPS requests to decide", "A customer asks for another limit.", for_staff=True)
GROUPS: Final = (ACCOUNT, KEYS, ENDS, QPS, TRAFFIC, ALERTS, DESK)

_KEY: Final = (("Key", "{key}"), ("ID", "{about}"))
_LIMITS: Final = (
    *_KEY, ("Product", "{product}"), ("Limit before", "{current:,}"), ("Requested", "{requested:,}"),
)  # fmt: skip
_ALERT: Final = (("Alert", "{alert}"), ("Condition", "{condition}"), ("Of", "{scope}"))
_STRING_ENDED: Final = "Applications that still use it get 401. The new string of the key is not affected."

_KINDS: Final = (
    Kind(
        "invitation", ACCOUNT, "Invitation to {organization}",
        (
            "{invited_by} invites you to {organization} at {brand}, with the role {role}.",
            "The link works once and until {expires_at}. If you do not know who this is, do nothing.",
        ),
        audience=Audience.PERSON, icon="user", has_link=True,
    ),
    Kind(
        "signin.new_device", ACCOUNT, "New sign-in to your account",
        (
            "Somebody signed in to your account with a device that was not used before: {device}.",
            "If this was not you, set a new password at once and end the other sign-ins.",
        ),
        (("When", "{signed_in_at}"), ("From", "{address}")), audience=Audience.PERSON, icon="shield",
    ),
    Kind(
        "security.second_factor_changed", ACCOUNT, "Your second factor was changed",
        ("{change}", "If this was not you, set a new password at once and contact {support_email}."),
        (("When", "{changed_at}"), ("From", "{address}")), audience=Audience.PERSON, icon="shield",
    ),
    Kind(
        "organization.suspended", ACCOUNT, "{organization} is suspended",
        (
            "Every request with a key of {organization} is refused until the provider resumes it.",
            "Reason: {reason}",
            "Contact {support_email}.",
        ),
        icon="ban",
    ),
    Kind(
        "organization.resumed", ACCOUNT, "{organization} is in service again",
        ("Requests with the keys of {organization} pass again.",), icon="power",
    ),
    Kind(
        "organization.deleted", ACCOUNT, "{name} is deleted",
        (
            "{actor} deleted {name}. Its keys are refused, and nobody sees it any more.",
            "Until {undo_until_at} an owner can bring it back.",
        ),
        audience=Audience.PERSON, icon="trash",
    ),
    Kind(
        "organization.restored", ACCOUNT, "{name} is back", ("{actor} brought {name} back. Its keys work as they did.",),
        audience=Audience.PERSON, icon="rotate",
    ),
    Kind(
        "organization.changed", ACCOUNT, "{what}", ("{details}",), icon="info",
    ),
    Kind(
        "key.disabled", KEYS, "Key disabled: {key}",
        (
            "{actor} disabled this key. Its requests are refused until it is enabled.",
            "Reason: {reason}",
            "Contact {support_email} and quote the ID of the key, never the key itself.",
        ),
        _KEY, page="keys:detail", icon="ban",
    ),
    Kind(
        "key.enabled", KEYS, "Key enabled: {key}", ("{actor} enabled this key. Its requests pass again.", "Reason: {why}", "It was disabled because: {reason}"),
        _KEY, page="keys:detail", icon="power",
    ),
    Kind(
        "grace.ends_tomorrow", ENDS, "The old string of {key} stops {ends_at}",
        ("Until then both strings of the key work, afterwards only the new one. On the key's page you see who still uses the old one, and can extend it.",),
        (*_KEY, ("Last used", "{last_used_at}")), page="keys:detail", icon="clock",
    ),
    Kind(
        "grace.ended", ENDS, "The old string of {key} has stopped", (_STRING_ENDED,),
        (*_KEY, ("Stopped", "{ended_at}")), page="keys:detail", icon="clock",
    ),
    Kind(
        "key.expires_soon", ENDS, "{key} expires {expires_at}",
        ("From then on its requests are refused. Use another key by then, or give this one a later end.",),
        _KEY, page="keys:detail", icon="clock",
    ),
    Kind(
        "key.expired", ENDS, "{key} has expired", ("Its requests are refused since {expired_at}.",),
        _KEY, page="keys:detail", icon="clock",
    ),
    Kind(
        "key.silent", TRAFFIC, "{key} has become silent",
        ("The key had requests on {days} of the seven days before, and none since {last_used_at}.", "If that is not on purpose, look at the application that uses it."),
        _KEY, page="keys:detail", icon="fall",
    ),
    Kind(
        "key.breaching", TRAFFIC, "Many requests of {key} are refused",
        ("{share} % of the {requests:,} requests between {from_at} and {until_at} were refused.",),
        (*_KEY, ("QPS breaches", "{breaches:,}"), ("Other refusals", "{refused:,}")), page="keys:detail", icon="alert",
    ),
    Kind(
        "qps_request.decided", QPS, "QPS request {decision}: {product} for {key}",
        (
            "Your request for {requested:,} queries per second was {decision}.",
            "{note}",
            "Questions: {support_email}. Quote the ID of the key, never the key itself.",
        ),
        (*_KEY, ("Product", "{product}"), ("Limit before", "{current:,}"), ("Limit now", "{limit:,}")),
        page="keys:detail", icon="gauge",
    ),
    Kind(
        "alert.fired", ALERTS, "Alert: {alert}",
        ("{sentence}", "It fires again only after it was over. On its page you see what is measured now."),
        _ALERT, page="alerts:detail", icon="alert",
    ),
    Kind(
        "alert.recovered", ALERTS, "Over: {alert}", ("{sentence}",), _ALERT, page="alerts:detail", icon="check",
    ),
    Kind(
        "alert.test", ALERTS, "Test of the alert {alert}", ("This is a test: nothing was measured.", "{sentence}"),
        _ALERT, page="alerts:detail", icon="bell",
    ),
    Kind(
        "qps_request.received", DESK, "QPS request of {organization}: {requested:,} for {product}",
        ("{requester} asks for {requested:,} queries per second instead of {current:,}.", "“{reason}”"),
        _LIMITS, audience=Audience.STAFF, page="support:key", icon="gauge",
    ),
)  # fmt: skip

KINDS: Final = {kind.code: kind for kind in _KINDS}
STAFF_KINDS: Final = frozenset(kind.code for kind in _KINDS if kind.audience is Audience.STAFF)
