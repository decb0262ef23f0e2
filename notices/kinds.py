"""Every kind of notice, as data: who gets it, what it says, where it leads, whether it can be switched off.

Titles and paragraphs are filled with `str.format` from the notice's context. A paragraph or fact with an empty value is left
out. Values whose names end in `_at` are moments and are shown in the organisation's time zone. The reader's language decides:
texts are lazy, and `sayings.py` knows the words of ours among the values.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Words = str | Promise
"""A text; a lazy one is translated where it is shown."""


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


MAIL_WORDS: Final = {
    Mail.AT_ONCE: pgettext_lazy("mails", "At once"),
    Mail.DAILY: pgettext_lazy("mails", "Once a day"),
    Mail.NEVER: pgettext_lazy("mails", "Never"),
}


@dataclass(frozen=True, slots=True)
class Group:
    """Kinds that a person chooses together. Of mandatory ones the mail always goes out at once."""

    code: str
    name: Words
    explanation: Words
    default: Mail = Mail.AT_ONCE
    is_mandatory: bool = False
    for_staff: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind. `page` is the address's name to which `about` leads, none where there is nothing to open."""

    code: str
    group: Group
    title: Words
    paragraphs: tuple[Words, ...]
    facts: tuple[tuple[Words, str], ...] = ()
    audience: Audience = Audience.MEMBERS
    page: str = ""
    icon: str = "info"
    has_link: bool = False
    """Whether its mail leads to an address that only the mail holds, so that it cannot be sent again."""


ACCOUNT = Group(
    "account", _("Your account"), _("Invitations, sign-ins, second factors, suspensions."), is_mandatory=True
)
KEYS = Group("keys", _("Keys disabled and enabled"), _("A key stops or works again, and why."))
ENDS = Group("ends", _("Ends of keys and old strings"), _("Before and after a key expires or an old string stops."))
QPS = Group("qps", _("QPS requests"), _("What became of the limits that you asked for."))
TRAFFIC = Group("traffic", _("Unusual traffic"), _("A busy key goes silent, or many of its requests are refused."))
ALERTS = Group("alerts", _("Alerts"), _("An alert that your organisation set fires, or is over."))
DESK = Group("desk", _("QPS requests to decide"), _("A customer asks for another limit."), for_staff=True)
GROUPS: Final = (ACCOUNT, KEYS, ENDS, QPS, TRAFFIC, ALERTS, DESK)

_KEY: Final = ((_("Key"), "{key}"), (_("ID"), "{about}"))
_LIMITS: Final = (
    *_KEY, (_("Product"), "{product}"), (_("Limit before"), "{current:,}"), (_("Requested"), "{requested:,}"),
)  # fmt: skip
_ALERT: Final = ((_("Alert"), "{alert}"), (_("Condition"), "{condition}"), (_("Of"), "{scope}"))
_STRING_ENDED: Final = _("Applications that still use it get 401. The new string of the key is not affected.")

_KINDS: Final = (
    Kind(
        "invitation", ACCOUNT, _("Invitation to {organization}"),
        (
            _("{invited_by} invites you to {organization} at {brand}, with the role {role}."),
            _("The link works once and until {expires_at}. If you do not know who this is, do nothing."),
        ),
        audience=Audience.PERSON, icon="user", has_link=True,
    ),
    Kind(
        "signin.new_device", ACCOUNT, _("New sign-in to your account"),
        (
            _("Somebody signed in to your account with a device that was not used before: {device}."),
            _("If this was not you, set a new password at once and end the other sign-ins."),
        ),
        ((_("When"), "{signed_in_at}"), (_("From"), "{address}")), audience=Audience.PERSON, icon="shield",
    ),
    Kind(
        "security.second_factor_changed", ACCOUNT, _("Your second factor was changed"),
        ("{change}", _("If this was not you, set a new password at once and contact {support_email}.")),
        ((_("When"), "{changed_at}"), (_("From"), "{address}")), audience=Audience.PERSON, icon="shield",
    ),
    Kind(
        "organization.suspended", ACCOUNT, _("{organization} is suspended"),
        (
            _("Every request with a key of {organization} is refused until the provider resumes it."),
            _("Reason: {reason}"),
            _("Contact {support_email}."),
        ),
        icon="ban",
    ),
    Kind(
        "organization.resumed", ACCOUNT, _("{organization} is in service again"),
        (_("Requests with the keys of {organization} pass again."),), icon="power",
    ),
    Kind(
        "organization.deleted", ACCOUNT, _("{name} is deleted"),
        (
            _("{actor} deleted {name}. Its keys are refused, and nobody sees it any more."),
            _("Until {undo_until_at} an owner can bring it back."),
        ),
        audience=Audience.PERSON, icon="trash",
    ),
    Kind(
        "organization.restored", ACCOUNT, _("{name} is back"), (_("{actor} brought {name} back. Its keys work as they did."),),
        audience=Audience.PERSON, icon="rotate",
    ),
    Kind(
        "organization.changed", ACCOUNT, "{what}", ("{details}",), icon="info",
    ),
    Kind(
        "key.disabled", KEYS, _("Key disabled: {key}"),
        (
            _("{actor} disabled this key. Its requests are refused until it is enabled."),
            _("Reason: {reason}"),
            _("Contact {support_email} and quote the ID of the key, never the key itself."),
        ),
        _KEY, page="keys:detail", icon="ban",
    ),
    Kind(
        "key.enabled", KEYS, _("Key enabled: {key}"), (_("{actor} enabled this key. Its requests pass again."), _("Reason: {why}"), _("It was disabled because: {reason}")),
        _KEY, page="keys:detail", icon="power",
    ),
    Kind(
        "grace.ends_tomorrow", ENDS, _("The old string of {key} stops {ends_at}"),
        (_("Until then both strings of the key work, afterwards only the new one. On the key's page you see who still uses the old one, and can extend it."),),
        (*_KEY, (_("Last used"), "{last_used_at}")), page="keys:detail", icon="clock",
    ),
    Kind(
        "grace.ended", ENDS, _("The old string of {key} has stopped"), (_STRING_ENDED,),
        (*_KEY, (_("Stopped"), "{ended_at}")), page="keys:detail", icon="clock",
    ),
    Kind(
        "key.expires_soon", ENDS, _("{key} expires {expires_at}"),
        (_("From then on its requests are refused. Use another key by then, or give this one a later end."),),
        _KEY, page="keys:detail", icon="clock",
    ),
    Kind(
        "key.expired", ENDS, _("{key} has expired"), (_("Its requests are refused since {expired_at}."),),
        _KEY, page="keys:detail", icon="clock",
    ),
    Kind(
        "key.silent", TRAFFIC, _("{key} has become silent"),
        (_("The key had requests on {days} of the seven days before, and none since {last_used_at}."), _("If that is not on purpose, look at the application that uses it.")),
        _KEY, page="keys:detail", icon="fall",
    ),
    Kind(
        "key.breaching", TRAFFIC, _("Many requests of {key} are refused"),
        (_("{share} % of the {requests:,} requests between {from_at} and {until_at} were refused."),),
        (*_KEY, (_("QPS breaches"), "{breaches:,}"), (_("Other refusals"), "{refused:,}")), page="keys:detail", icon="alert",
    ),
    Kind(
        "qps_request.decided", QPS, _("QPS request {decision}: {product} for {key}"),
        (
            _("Your request for {requested:,} queries per second was {decision}."),
            "{note}",
            _("Questions: {support_email}. Quote the ID of the key, never the key itself."),
        ),
        (*_KEY, (_("Product"), "{product}"), (_("Limit before"), "{current:,}"), (_("Limit now"), "{limit:,}")),
        page="keys:detail", icon="gauge",
    ),
    Kind(
        "alert.fired", ALERTS, _("Alert: {alert}"),
        ("{sentence}", _("It fires again only after it was over. On its page you see what is measured now.")),
        _ALERT, page="alerts:detail", icon="alert",
    ),
    Kind(
        "alert.recovered", ALERTS, _("Ended: {alert}"), ("{sentence}",), _ALERT, page="alerts:detail", icon="check",
    ),
    Kind(
        "alert.test", ALERTS, _("Test of the alert {alert}"), (_("This is a test: nothing was measured."), "{sentence}"),
        _ALERT, page="alerts:detail", icon="bell",
    ),
    Kind(
        "qps_request.received", DESK, _("QPS request of {organization}: {requested:,} for {product}"),
        (_("{requester} asks for {requested:,} queries per second instead of {current:,}."), "“{reason}”"),
        _LIMITS, audience=Audience.STAFF, page="support:key", icon="gauge",
    ),
)  # fmt: skip

KINDS: Final = {kind.code: kind for kind in _KINDS}
STAFF_KINDS: Final = frozenset(kind.code for kind in _KINDS if kind.audience is Audience.STAFF)
