"""Every condition that an alert can have, as data: what is measured, what a person chooses, and how it is said."""

from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from dashboard import words
from dashboard.words import Words

WINDOWS_MINUTES: Final = (5, 10, 15, 30, 60)
LEAST_REQUESTS: Final = 100
"""Proposed: of fewer requests a share says little."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. `sentence` is filled with `threshold`, `minutes` and `least`; `ask` is the label of the threshold.

    `has_window` says that it looks at the last minutes, `has_least` that it needs so many requests in them. `unit` is for
    machines.
    """

    code: str
    name: Words
    explanation: Words
    ask: Words
    sentence: Words
    unit: str
    proposed: int
    highest: int
    has_window: bool = False
    has_least: bool = False
    is_over_silently: bool = False
    """Whether its end is no news, such as that of a month."""

    def say(self, *, threshold: int, minutes: int, least: int) -> str:
        """Return the condition in words."""
        shown = {"%": f"{threshold} %", "requests": words.number(threshold)}.get(self.unit, str(threshold))
        return str(self.sentence) % {"threshold": shown, "minutes": minutes, "least": words.number(least)}


_ALL: Final = (
    Condition(
        "errors", _("Share of errors"), _("Many requests end with 4XX or 5XX; QPS breaches are not among them."),
        _("Errors, in per cent of the requests"),
        _("%(threshold)s or more of the requests fail within %(minutes)s minutes, of at least %(least)s"),
        "%", 10, 100, has_window=True, has_least=True,
    ),
    Condition(
        "breaches", _("Share of QPS breaches"), _("Many requests are refused because a QPS limit is reached."),
        _("QPS breaches, in per cent of the requests"),
        _("%(threshold)s or more of the requests are QPS breaches within %(minutes)s minutes, of at least %(least)s"),
        "%", 5, 100, has_window=True, has_least=True,
    ),
    Condition(
        "peak", _("Peak near the limit"), _("The busiest second of a key and product comes near its QPS limit, or over it."),
        _("Busiest second, in per cent of the QPS limit"),
        _("A second reaches %(threshold)s of a QPS limit within %(minutes)s minutes"), "%", 80, 1000, has_window=True,
    ),
    Condition(
        "silence", _("No requests"), _("Requests that came before come no longer."),
        _("Hours without a request"), _("No request for %(threshold)s hours"), "hours", 6, 30 * 24,
    ),
    Condition(
        "volume", _("Monthly volume"), _("The requests of a month reach a number, such as that of your agreement."),
        _("Requests in a month"), _("%(threshold)s requests or more in a month"), "requests", 1_000_000, 10**15,
        is_over_silently=True,
    ),
)  # fmt: skip

CONDITIONS: Final = {condition.code: condition for condition in _ALL}

READINGS: Final[dict[str, Words]] = {
    "errors": _("%(share)s of %(requests)s failed within %(minutes)s minutes."),
    "breaches": _("%(share)s of %(requests)s were QPS breaches within %(minutes)s minutes."),
    "peak": _("%(peak)s in one second, %(share)s of the limit of %(limit)s: %(product)s with %(key)s."),
    "no_peak": _("No requests in this time."),
    "silence": _("The last request came %(hours)s hours ago."),
    "volume": _("%(requests)s since the first of the month."),
}
"""What was measured, by the kind of a reading."""

_WRITTEN: Final = {
    "share": lambda value: words.percent(*value),
    "requests": words.requests,
    "peak": words.requests,
    "limit": words.number,
    "hours": lambda value: words.decimal(value, 1),
}
"""How figures of a reading are written; others as they are. A share is its value and its decimals."""


def said(kept: dict[str, Any] | str) -> str:
    """Return a condition as the audit log kept it, in words; older events have the English sentence."""
    return kept if isinstance(kept, str) else say("condition", kept)


def said_reading(kept: dict[str, Any] | str) -> str:
    """Return a reading as a notice kept it, in words; older notices have the sentence."""
    return kept if isinstance(kept, str) else say(kept["kind"], kept["figures"])


def say(kind: str, figures: dict[str, Any]) -> str:
    """Return a reading in words; `condition` is the alert's own sentence, for its test."""
    if kind == "condition":
        return CONDITIONS[figures["code"]].say(
            threshold=figures["threshold"], minutes=figures["minutes"], least=figures["least"]
        )
    told = {name: _WRITTEN[name](value) if name in _WRITTEN else value for name, value in figures.items()}
    return str(READINGS[kind]) % told
