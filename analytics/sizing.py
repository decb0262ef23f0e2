"""Right-sizing: how a QPS limit fits what a key really made of a product, and what another limit would have refused.

Usage keeps for each minute how many requests came and how many in its busiest second, not each second. So what a limit L would
have refused in a minute with r requests and the peak p is bounded, not known. With p not above L: nothing. Else at least
max(p - L, r - 60 L): no second lets more than L pass, and a minute has 60. At most (r div p) (p - L) + max(0, r mod p - L): the
requests came in as many seconds at the peak as they fill.

What neither bound knows: clients that try again, bursts across the turn of a second (the gateway's window slides), and, with
several gateways, seconds that were busiest in sum. The headroom of the recommendation is for these.
"""

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext, pgettext

from accounts.models import Organization
from analytics import peaks
from analytics.peaks import Peaks
from dashboard import words
from keys.models import ApiKey, KeyProduct, Product
from keys.models.qps_request import MAX_QPS
from keys.queries import Limit

HEADROOM: Final = 0.3
RAIL: Final = 1.2
"""A drawing is so much wider than its highest value."""

PAGE_SIZE: Final = 20


@dataclass(frozen=True, slots=True)
class Drawing:
    """Daily peaks, limit and a value to compare with as positions in per cent of the width."""

    days: tuple[tuple[str, bool], ...]
    limit: str
    advice: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a limit would have refused of the requests of 30 days: at least and at most."""

    qps: int
    requests: int = 0
    least: int = 0
    most: int = 0
    minutes: int = 0
    """So many minutes had a second above the limit."""

    @property
    def words(self) -> str:
        """The share in words: "none", "0.4 %", "between 0.1 and 0.4 %"."""
        low, high = (_percent(count, self.requests) for count in (self.least, self.most))
        if not self.most:
            return pgettext("share of requests", "none")
        if low == high:
            return f"{high} %"
        return gettext("between %(low)s and %(high)s %%") % {"low": low, "high": high}


@dataclass(frozen=True, slots=True)
class Fit:
    """The limit of a key and product beside its measured peaks. `recommended` is None where nothing was measured."""

    key: ApiKey
    product: Product
    limit: int
    peaks: Peaks | None
    recommended: int | None
    drawing: Drawing

    @property
    def direction(self) -> str:
        """`up`, `down` or `fits`; empty where nothing was measured."""
        if self.recommended is None:
            return ""
        if self.recommended > self.limit:
            return "up"
        return "down" if self.recommended * 2 <= self.limit else "fits"

    @property
    def words(self) -> str:
        """What to do with the limit."""
        if self.recommended is None:
            return gettext("No requests in 30 days.")
        told = {"limit": words.number(self.recommended), "room": words.percent(100 * HEADROOM)}
        if self.direction == "up":
            return gettext("A limit of %(limit)s leaves %(room)s room above the highest peak.") % told
        return (
            gettext("A limit of %(limit)s is enough.") % told
            if self.direction == "down"
            else gettext("The limit fits.")
        )


_ESTIMATES = f"""{peaks.WANTED}, of_minute AS MATERIALIZED (
    SELECT sum(u.requests)::bigint AS requests, max(u.peak_qps)::bigint AS peak
    FROM wanted JOIN usage_minute u USING (key_id, product_id) WHERE u.minute >= wanted.since GROUP BY u.minute
)
SELECT level.qps, coalesce((SELECT sum(requests) FROM of_minute), 0)::bigint, coalesce(sum(least), 0)::bigint,
       coalesce(sum(greatest(least, most)), 0)::bigint, count(peak)
FROM unnest(%(limits)s::bigint[]) AS level (qps)
LEFT JOIN of_minute ON peak > level.qps
LEFT JOIN LATERAL (
    SELECT least(requests, greatest(peak - level.qps, requests - 60 * level.qps)) AS least,
           least(requests, requests / peak * (peak - level.qps) + greatest(0, requests %% peak - level.qps)) AS most
) AS refused ON peak IS NOT NULL
GROUP BY level.qps
"""  # noqa: S608  (a statement of ours)

_USED = """
SELECT a.id FROM (
    SELECT key_id, product_id, max(peak_qps) AS peak FROM usage_month WHERE organization_id = %s AND month >= %s GROUP BY key_id, product_id
) AS used
JOIN keys_keyproduct a ON a.key_id = used.key_id AND a.product_id = used.product_id
JOIN keys_apikey k ON k.id = a.key_id JOIN keys_product p ON p.id = a.product_id
WHERE k.organization_id = %s AND k.deleted_at IS NULL
ORDER BY used.peak::float / coalesce(a.qps_limit, p.default_qps) DESC, k.name, a.id LIMIT %s OFFSET %s
"""


def estimates(key_id: int, product_id: int, limits: Iterable[int]) -> dict[int, Estimate]:
    """Return what each limit would have refused in the last 30 days; one statement, which reads every minute of the key."""
    wanted = sorted(set(limits))
    with connection.cursor() as cursor:
        cursor.execute(_ESTIMATES, peaks.wanted([(key_id, product_id)]) | {"limits": wanted})
        return {row[0]: Estimate(*row) for row in cursor.fetchall()}


def recommend(measured: Peaks | None) -> int | None:
    """Return the highest peak with its headroom as a round number; None where nothing was measured."""
    if measured is None or measured.highest < 1:
        return None
    value = math.ceil(round(measured.highest * (1 + HEADROOM), 6))
    step = 1 if value < 20 else 5 if value < 100 else 5 * 10 ** (len(str(value)) - 2)
    return min(MAX_QPS, math.ceil(value / step) * step)


def fits_of(key: ApiKey) -> list[Fit]:
    """Return how the limit of each product of a key fits, in the catalogue's order. Three queries."""
    return _fits(key.key_products.select_related("product"), {key.pk: key})


def days_of(key: ApiKey, limits: Iterable[Limit]) -> list[tuple[Limit, Fit]]:
    """Return limits of a key with how they fit by what dates know of its peaks. One query, however much traffic."""
    rows = list(limits)
    read = peaks.days_of((key.pk, row.product.pk) for row in rows)
    return [(row, _fit(key, row.product, row.qps, *read[key.pk, row.product.pk])) for row in rows]


def fit_of(key: ApiKey, product: Product) -> Fit | None:
    """Return how the limit of one product fits; None where it is not assigned to the key."""
    return next(iter(_fits(key.key_products.filter(product=product).select_related("product"), {key.pk: key})), None)


def used_limits(organization: Organization, number: int) -> tuple[list[Fit], bool]:
    """Return a page of the keys and products in use, the nearest to their limit first, and whether there are more. Three queries.

    What is in use say the sums of this month and the one before; what the page shows of 30 days is then read for it alone.
    """
    month = (timezone.now().astimezone(organization.zone).date().replace(day=1) - dt.timedelta(days=1)).replace(day=1)
    start = PAGE_SIZE * (number - 1)
    with connection.cursor() as cursor:
        cursor.execute(_USED, [organization.pk, month, organization.pk, PAGE_SIZE + 1, start])
        ids = [row[0] for row in cursor.fetchall()]
    rows = KeyProduct.objects.select_related("product", "key").in_bulk(ids[:PAGE_SIZE])
    shown = [rows[pk] for pk in ids[:PAGE_SIZE] if pk in rows]
    read = peaks.days_of((row.key_id, row.product_id) for row in shown)
    fits = [_fit(row.key, row.product, row.limit, *read[row.key_id, row.product_id]) for row in shown]
    return fits, len(ids) > PAGE_SIZE


def draw(days: Sequence[int], limit: int, advice: int) -> Drawing:
    """Place the daily peaks, the limit and a value to compare with."""
    widest = max(*days, limit, advice) * RAIL

    def at(value: int) -> str:
        return f"{value / widest * 100:.2f}%"

    return Drawing(tuple((at(day), day > limit) for day in days if day), at(limit), at(advice))


def _fits(assigned: Iterable[KeyProduct], keys: dict[int, ApiKey]) -> list[Fit]:
    rows = list(assigned)
    pairs = [(row.key_id, row.product_id) for row in rows]
    measured, days = peaks.peaks_of(pairs), peaks.days_of(pairs)
    return [
        _fit(keys[row.key_id], row.product, row.limit, days[pair][0], measured.get(pair))
        for row, pair in zip(rows, pairs, strict=True)
    ]


def _fit(key: ApiKey, product: Product, limit: int, days: Sequence[int], measured: Peaks | None) -> Fit:
    value = recommend(measured)
    return Fit(key, product, limit, measured, value, draw(days, limit, limit if value is None else value))


def _percent(count: int, requests: int) -> str:
    """A share with one decimal; what is little is not shown as nothing."""
    share = 100 * count / requests if requests else 0.0
    if not count:
        return "0"
    return (
        words.decimal(share, 1) if share >= 0.1 else gettext("less than %(least)s") % {"least": words.decimal(0.1, 1)}
    )
