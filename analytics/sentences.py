"""What the figures mean, in sentences."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from analytics.filters import Filters
from analytics.queries import Counts, Failure
from analytics.reasons import OVER_QPS, explain
from dashboard import words
from dashboard.words import Words


@dataclass(frozen=True, slots=True)
class Change:
    """How a figure differs from the period before. `words` stand beside the arrow, before what it was; `tone` is good, bad or empty."""

    direction: str
    words: str
    before: int
    tone: str


MANIFOLD: Final = 10
"""From so many times the figure before on, a rise is told by both figures."""


def change(now: int, before: int, *, is_good_to_fall: bool | None) -> Change:
    """Compare two figures. Directions: up, fall, same; new where there was nothing before, none where there still is nothing."""
    if not before:
        text = pgettext("figure", "new") if now else gettext("none before")
        return Change("new" if now else "none", text, before, "bad" if now and is_good_to_fall else "")
    if now == before:
        return Change("same", gettext("unchanged"), before, "")
    rises = now > before
    text = "" if is_manifold(now, before) else percentage(now, before)
    tone = "" if is_good_to_fall is None else ("bad" if rises == is_good_to_fall else "good")
    return Change("up" if rises else "fall", text, before, tone)


def is_manifold(now: int, before: int) -> bool:
    """Whether a figure is so many times the one before that both say more than the per cent between them."""
    return now >= before * MANIFOLD


def percentage(now: int, before: int) -> str:
    """`12.4 %`; more than nothing is never 0.0 %."""
    value = abs(now - before) / before * 100
    return words.percent(value, 1) if value >= 0.05 else f"< {words.percent(0.1, 1)}"


def lead(filters: Filters, totals: Counts, before: Counts, failures: list[Failure], worst: dt.date | None) -> str:
    """Say what happened: more or fewer requests, how many failed, mostly when and why."""
    if not totals.requests:
        return ""
    if filters.view == "breaches":
        return f"{_trend('breaches', totals.over_qps, before.over_qps)} {_breached(totals)}"
    if filters.view == "errors":
        others = [failure for failure in failures if failure.outcome != OVER_QPS]
        return f"{_trend('errors', totals.errors, before.errors)} {_failed(totals, totals.errors, others, worst)}"
    return f"{_trend('requests', totals.requests, before.requests)} {_failed(totals, totals.failed, failures, worst)}"


def quality(totals: Counts, before: Counts) -> str:
    """Say how many requests succeeded and, where durations were reported, how long they took; each with the period before."""
    if not totals.requests:
        return ""
    told = {"share": success(totals)}
    if before.requests:
        text = gettext("%(share)s of the requests succeeded, %(before)s in the period before.")
        text %= told | {"before": success(before)}
    else:
        text = gettext("%(share)s of the requests succeeded.") % told
    return f"{text} {_durations(totals, before)}".rstrip()


def _durations(totals: Counts, before: Counts) -> str:
    if totals.duration_ms is None:
        return ""
    told = {"ms": words.number(totals.duration_ms), "count": words.number(totals.duration_count)}
    if before.duration_ms is None:
        return gettext("They took %(ms)s ms on average (reported for %(count)s requests).") % told
    told["before"] = words.number(before.duration_ms)
    return gettext("They took %(ms)s ms on average, %(before)s ms before (reported for %(count)s requests).") % told


def success(counts: Counts) -> str:
    """The share of requests that succeeded; 100 % is said only where all did, 0 % only where none did."""
    if counts.successful in (0, counts.requests):
        return "100 %" if counts.successful else "0 %"
    return words.percent(min(max(counts.successful / counts.requests * 100, 0.01), 99.99), 2)


SUBJECTS: Final[dict[str, tuple[Words, Words]]] = {
    "requests": (_("Requests"), pgettext_lazy("inside a sentence", "requests")),
    "breaches": (_("QPS breaches"), pgettext_lazy("inside a sentence", "QPS breaches")),
    "errors": (_("Errors"), pgettext_lazy("inside a sentence", "errors")),
}
"""What is counted, as it begins a sentence, and within one."""


def _trend(what: str, now: int, before: int) -> str:
    subject, inside = SUBJECTS[what]
    if not now and before:
        return gettext("There were no %(what)s.") % {"what": inside}
    if not now:
        return gettext("There were no %(what)s, nor in the period before.") % {"what": inside}
    if not before:
        return gettext("There were no %(what)s in the period before.") % {"what": inside}
    if now == before:
        return gettext("%(what)s are the same as in the period before.") % {"what": subject}
    told = {"what": subject, "share": percentage(now, before), "before": words.number(before), "now": words.number(now)}
    if is_manifold(now, before):
        return gettext("%(what)s rose from %(before)s to %(now)s.") % told
    return (gettext("%(what)s rose by %(share)s.") if now > before else gettext("%(what)s fell by %(share)s.")) % told


def _breached(totals: Counts) -> str:
    if not totals.over_qps:
        return gettext("Every request was within its QPS limit.")
    if totals.over_qps >= totals.requests:
        return gettext("Every request came over its QPS limit.")
    ratio, share = _proportion(totals.over_qps, totals.requests)
    if ratio:
        return gettext("1 in %(ratio)s requests came over its QPS limit.") % {"ratio": ratio}
    return gettext("%(share)s of the requests came over its QPS limit.") % {"share": share}


def _failed(totals: Counts, failed: int, failures: list[Failure], worst: dt.date | None) -> str:
    if not failed:
        return "" if totals.failed else gettext("Every request was answered well.")
    text = _extent(failed, totals.requests)
    if worst:
        text = gettext("%(text)s, most of them on %(date)s") % {"text": text, "date": words.date(worst, words.WEEKDAY)}
    if failures:
        counts: dict[tuple[int, str], int] = {}
        for failure in failures:
            place = failure.status, failure.outcome
            counts[place] = counts.get(place, 0) + failure.requests
        place, most = max(counts.items(), key=lambda item: item[1])
        counted = sum(counts.values())
        if most == counted:
            because = gettext("%(text)s, because %(clause)s")
        elif most * 2 > counted:
            because = gettext("%(text)s, mainly because %(clause)s")
        else:
            because = gettext("%(text)s, most often because %(clause)s")
        text = because % {"text": text, "clause": explain(*place).clause}
    return f"{text}."


def _extent(failed: int, requests: int) -> str:
    """`1 in 100 requests failed`, `40 % of the requests failed`, `Every request failed`."""
    if failed >= requests:
        return gettext("Every request failed")
    ratio, share = _proportion(failed, requests)
    if ratio:
        return gettext("1 in %(ratio)s requests failed") % {"ratio": ratio}
    return gettext("%(share)s of the requests failed") % {"share": share}


def _proportion(part: int, whole: int) -> tuple[str, str]:
    """Say a small part as one in so many, a large one in per cent; the other text is empty."""
    ratio = whole / part
    return (words.decimal(ratio, 0), "") if ratio >= 2.5 else ("", words.percent(part / whole * 100))
