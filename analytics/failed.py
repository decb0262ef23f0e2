"""Why requests failed, as the page lists it: status and reason, which products, what to do, and the page of a key where to do it."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext

from analytics.filters import Filters
from analytics.queries import Failure
from analytics.reasons import FIXES, OVER_QPS, Fix, Reason, advise, explain
from dashboard import words
from keys.models import ApiKey


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """A status with a reason. `key` is the key to mend: the chosen one, else one of those that it happened to (`is_example`)."""

    status: int
    outcome: str
    reason: Reason
    requests: int
    share: str
    tone: str
    products: str
    advice: str
    fix: Fix | None
    key: ApiKey | None
    is_example: bool


def percent(part: int, whole: int) -> str:
    """Return the width of a share bar; what is not nothing can be seen."""
    return f"{max(part / whole * 100, 0.4 if part else 0):.1f}%"


def reason_rows(filters: Filters, failures: list[Failure]) -> tuple[ReasonRow, ...]:
    """Return the reasons of the view, the most frequent first."""
    groups: dict[tuple[int, str], list[Failure]] = {}
    for one in failures:
        if filters.view != "breaches" or one.outcome == OVER_QPS:
            groups.setdefault((one.status, one.outcome), []).append(one)
    sums = {place: sum(one.requests for one in group) for place, group in groups.items()}
    keys = _keys(filters, groups.values())
    largest = max(sums.values(), default=1)
    return tuple(
        _row(filters, groups[place], sums[place], largest, keys)
        for place in sorted(groups, key=lambda place: (-sums[place], place))
    )


def _row(filters: Filters, group: list[Failure], requests: int, largest: int, keys: dict[int, ApiKey]) -> ReasonRow:
    first = group[0]
    reason = explain(first.status, first.outcome)
    products = _names([filters.name_of(one.product_id) for one in group if one.product_id])
    key = filters.key or keys.get(first.key_id)
    if key and key.deleted_at:
        key = None
    return ReasonRow(
        status=first.status,
        outcome=first.outcome,
        reason=reason,
        requests=requests,
        share=percent(requests, largest),
        tone="danger" if first.status >= 500 or first.outcome == OVER_QPS else "attention",
        products=products,
        advice=advise(reason, first.outcome, products, are_several=len(group) > 1, key=key.name if key else ""),
        fix=FIXES.get(first.outcome) if key else None,
        key=key,
        is_example=filters.key is None,
    )


def _names(names: list[str]) -> str:
    """`Search API`, `Search API and Routing API`, `Search API, Routing API and 3 more`."""
    if len(names) > 3:
        told = {"first": names[0], "second": names[1], "count": len(names) - 2}
        return gettext("%(first)s, %(second)s and %(count)s more") % told
    return words.listed(names)


def _keys(filters: Filters, groups: Iterable[list[Failure]]) -> dict[int, ApiKey]:
    """Read the keys that stand as examples beside reasons that can be mended, in one query."""
    wanted = {group[0].key_id for group in groups if group[0].outcome in FIXES}
    if filters.key or not wanted:
        return {}
    return filters.organization.keys.only("public_id", "name", "deleted_at", "organization").in_bulk(wanted)
