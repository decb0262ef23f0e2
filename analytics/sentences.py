"""What the figures mean, in sentences."""

import datetime as dt
from dataclasses import dataclass

from analytics.filters import Filters
from analytics.queries import Counts, Failure
from analytics.reasons import OVER_QPS, explain


@dataclass(frozen=True, slots=True)
class Change:
    """How a figure differs from the period before. `words` stand beside the arrow; `tone` is good, bad or empty."""

    direction: str
    words: str
    before: int
    tone: str


def change(now: int, before: int, *, is_good_to_fall: bool | None) -> Change:
    """Compare two figures. Directions: up, fall, same; new where there was nothing before, none where there still is nothing."""
    if not before:
        return Change(
            "new" if now else "none", "new" if now else "none before", before, "bad" if now and is_good_to_fall else ""
        )
    if now == before:
        return Change("same", "unchanged", before, "")
    rises = now > before
    tone = "" if is_good_to_fall is None else ("bad" if rises == is_good_to_fall else "good")
    return Change("up" if rises else "fall", percentage(now, before), before, tone)


def percentage(now: int, before: int) -> str:
    """`12.4 %`; above a thousand without decimals; more than nothing is never 0.0 %."""
    value = abs(now - before) / before * 100
    if value < 0.05:
        return "< 0.1 %"
    return f"{value:,.0f} %" if value >= 1000 else f"{value:.1f} %"


def lead(filters: Filters, totals: Counts, before: Counts, failures: list[Failure], worst: dt.date | None) -> str:
    """Say what happened: more or fewer requests, how many failed, mostly when and why."""
    if not totals.requests:
        return ""
    if filters.view == "breaches":
        return f"{_trend('QPS breaches', totals.over_qps, before.over_qps)} {_breached(totals)}"
    if filters.view == "errors":
        others = [failure for failure in failures if failure.outcome != OVER_QPS]
        return f"{_trend('Errors', totals.errors, before.errors)} {_failed(totals, totals.errors, others, worst)}"
    return f"{_trend('Requests', totals.requests, before.requests)} {_failed(totals, totals.failed, failures, worst)}"


def quality(totals: Counts, before: Counts) -> str:
    """Say how many requests succeeded and, where durations were reported, how long they took; each with the period before."""
    if not totals.requests:
        return ""
    text = f"{success(totals)} of the requests succeeded"
    text += f", {success(before)} in the period before." if before.requests else "."
    if totals.duration_ms is not None:
        text += f" They took {totals.duration_ms:,} ms on average"
        text += "" if before.duration_ms is None else f", {before.duration_ms:,} ms before"
        text += f" (reported for {totals.duration_count:,} requests)."
    return text


def success(counts: Counts) -> str:
    """The share of requests that succeeded; 100 % is said only where all did, 0 % only where none did."""
    if counts.successful in (0, counts.requests):
        return "100 %" if counts.successful else "0 %"
    return f"{min(max(counts.successful / counts.requests * 100, 0.01), 99.99):.2f} %"


def _trend(what: str, now: int, before: int) -> str:
    if not now:
        return f"There were no {_lower(what)}{'' if before else ', nor in the period before'}."
    if not before:
        return f"There were no {_lower(what)} in the period before."
    if now == before:
        return f"{what} are the same as in the period before."
    return f"{what} {'rose' if now > before else 'fell'} by {percentage(now, before)}."


def _lower(what: str) -> str:
    return what if what.startswith("QPS") else what.lower()


def _breached(totals: Counts) -> str:
    if not totals.over_qps:
        return "Every request was within its QPS limit."
    return f"{_one_in(totals.over_qps, totals.requests)} came over its QPS limit."


def _failed(totals: Counts, failed: int, failures: list[Failure], worst: dt.date | None) -> str:
    if not failed:
        return "Every request was answered well." if not totals.failed else ""
    text = f"{_one_in(failed, totals.requests)} failed"
    if worst:
        text += f", most of them on {worst:%A} {worst.day} {worst:%B}"
    if failures:
        counts: dict[tuple[int, str], int] = {}
        for failure in failures:
            place = failure.status, failure.outcome
            counts[place] = counts.get(place, 0) + failure.requests
        place, most = max(counts.items(), key=lambda item: item[1])
        clause, counted = explain(*place).clause, sum(counts.values())
        extent = "" if most == counted else ("mainly " if most * 2 > counted else "most often ")
        text += f", {extent}because {clause}"
    return f"{text}."


def _one_in(part: int, whole: int) -> str:
    """`1 in 100 requests`, `2 of 3 requests`, `Every request`."""
    if part >= whole:
        return "Every request"
    ratio = whole / part
    return f"1 in {ratio:,.0f} requests" if ratio >= 2.5 else f"{part / whole * 100:.0f} % of the requests"
