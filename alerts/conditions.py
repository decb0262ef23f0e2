"""Every condition that an alert can have, as data: what is measured, what a person chooses, and how it is said."""

from dataclasses import dataclass
from typing import Final

WINDOWS_MINUTES: Final = (5, 10, 15, 30, 60)
LEAST_REQUESTS: Final = 100
"""Proposed: of fewer requests a share says little."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. `sentence` is filled with `threshold`, `minutes` and `least`; `ask` is the label of the threshold.

    `has_window` says that it looks at the last minutes, `has_least` that it needs so many requests in them.
    """

    code: str
    name: str
    explanation: str
    ask: str
    sentence: str
    unit: str
    proposed: int
    highest: int
    has_window: bool = False
    has_least: bool = False
    is_over_silently: bool = False
    """Whether its end is no news, such as that of a month."""

    def say(self, *, threshold: int, minutes: int, least: int) -> str:
        """Return the condition in words."""
        return self.sentence.format(threshold=threshold, minutes=minutes, least=least)


_WITHIN: Final = "within {minutes} minutes, of at least {least:,}"
_ALL: Final = (
    Condition(
        "errors", "Share of errors", "Many requests end with 4XX or 5XX; QPS breaches are not among them.",
        "Errors, in per cent of the requests", "{threshold} % or more of the requests fail " + _WITHIN,
        "%", 10, 100, has_window=True, has_least=True,
    ),
    Condition(
        "breaches", "Share of QPS breaches", "Many requests are refused because a QPS limit is reached.",
        "QPS breaches, in per cent of the requests", "{threshold} % or more of the requests are QPS breaches " + _WITHIN,
        "%", 5, 100, has_window=True, has_least=True,
    ),
    Condition(
        "peak", "Peak near the limit", "The busiest second of a key and product comes near its QPS limit, or over it.",
        "Busiest second, in per cent of the QPS limit", "A second reaches {threshold} % of a QPS limit within {minutes} minutes",
        "%", 80, 1000, has_window=True,
    ),
    Condition(
        "silence", "No requests", "Requests that came before come no longer.",
        "Hours without a request", "No request for {threshold} hours", "hours", 6, 30 * 24,
    ),
    Condition(
        "volume", "Monthly volume", "The requests of a month reach a number, such as that of your agreement.",
        "Requests in a month", "{threshold:,} requests or more in a month", "requests", 1_000_000, 10**15,
        is_over_silently=True,
    ),
)  # fmt: skip

CONDITIONS: Final = {condition.code: condition for condition in _ALL}
