"""What a key's last 24 hours and its record say of it, in one word with the reason: rules without reading.

A key that refuses every request is only that. Else traffic decides: failing before breaching before near its limit, as the one
needs somebody sooner than the other. What has an end in sight says so beside it.
"""

from dataclasses import dataclass

from keys.queries import EXPIRES_SOON, UNUSED_AFTER

FAILING_SHARE, FAILING_LEAST = 0.1, 20
"""From this part, and this number, of requests answered 4XX (but 429) or 5XX on, a key is failing."""

BREACHING_SHARE, BREACHING_LEAST = 0.001, 10
"""From this part, and this number, of requests over the QPS limit on, it is breaching."""

NEAR = 0.8
"""From this part of its limit on, a peak is near it."""

WORDS = {
    "healthy": "Healthy",
    "unused": "Unused",
    "limit": "Near its limit",
    "breaching": "Breaching",
    "failing": "Failing",
    "grace": "In grace",
    "expiring": "Expires soon",
    "expired": "Expired",
    "disabled": "Disabled",
    "suspended": "Suspended",
}
REFUSED = {
    "disabled": "It is disabled",
    "expired": "Its end date has passed",
    "suspended": "The organisation is suspended",
}
ENDING = {
    "grace": "Its old string still works beside the new one",
    "expiring": f"It stops working within {EXPIRES_SOON.days} days",
}


@dataclass(frozen=True, slots=True)
class DayTraffic:
    """The last 24 hours of one key; peak and limit are of the product whose peak came nearest to its limit."""

    requests: int = 0
    over_qps: int = 0
    errors: int = 0
    peak_qps: int = 0
    peak_limit: int | None = None
    peak_product: str = ""


@dataclass(frozen=True, slots=True)
class KeyState:
    """A state by its name in stylesheets, its word, and the sentence why."""

    name: str
    word: str
    reason: str


def states(recorded: str, day: DayTraffic) -> tuple[KeyState, ...]:
    """Return the states of a key, the one of its record (`state` of `with_state`) first, at most two."""
    if recorded in REFUSED:
        came = f"; {_requests(day.requests)} came in the last 24 hours" if day.requests else ""
        return (_state(recorded, f"{REFUSED[recorded]}: every request is refused{came}"),)
    found = of_traffic(day)
    if recorded in ENDING:
        ending = _state(recorded, ENDING[recorded])
        return (ending, found) if found.name != "healthy" else (ending,)
    if recorded == "unused" and not day.requests:
        return (_state("unused", f"No request in the last {UNUSED_AFTER.days} days"),)
    return (found,)


def of_traffic(day: DayTraffic) -> KeyState:
    """Return what the last 24 hours say alone."""
    if is_much(day.errors, day.requests, share=FAILING_SHARE, least=FAILING_LEAST):
        return _state("failing", f"{day.errors:,} of {_requests(day.requests)} failed in the last 24 hours")
    if is_much(day.over_qps, day.requests, share=BREACHING_SHARE, least=BREACHING_LEAST):
        return _state(
            "breaching",
            f"{day.over_qps:,} of {_requests(day.requests)} were over the QPS limit in the last 24 hours",
        )
    if day.peak_limit and day.peak_qps >= day.peak_limit * NEAR:
        where = f"the limit of {day.peak_limit:,} of {day.peak_product} in the last 24 hours"
        nearness = "went over" if day.peak_qps > day.peak_limit else "came near"
        return _state("limit", f"A peak of {day.peak_qps:,} per second {nearness} {where}")
    if not day.requests:
        return _state("healthy", "Nothing is wrong; no request came in the last 24 hours")
    failed = day.errors + day.over_qps
    return _state("healthy", f"{failed:,} of {_requests(day.requests)} failed in the last 24 hours")


def is_much(part: int, whole: int, *, share: float, least: int) -> bool:
    """Whether a part is large enough in number and in proportion."""
    return part >= least and part >= whole * share


def _state(name: str, reason: str) -> KeyState:
    return KeyState(name, WORDS[name], f"{reason}.")


def _requests(count: int) -> str:
    return f"{count:,} request{'' if count == 1 else 's'}"
