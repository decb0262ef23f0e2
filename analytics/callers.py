"""Where requests come from, read from the request log: a sample, which keeps refusals first and of nothing very much a minute."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext_lazy as _

from analytics.filters import Filters

SAMPLE = 1_000
"""So many of the last requests that were kept are looked at."""
ROWS = 12
KINDS = {"host": _("Domains"), "network": _("Networks"), "client": _("Clients")}


@dataclass(frozen=True, slots=True)
class CallerRow:
    """A domain, network or client family: how many requests of the sample, and how many of these were refused or failed."""

    name: str
    requests: int
    failed: int


@dataclass(frozen=True, slots=True)
class Callers:
    """The sample: its size, from when the log is kept (days), and the most frequent by kind (`host`, `network`, `client`)."""

    size: int
    kept_days: int
    rows: dict[str, tuple[CallerRow, ...]]

    @property
    def is_cut(self) -> bool:
        """Whether older requests of the period were left out."""
        return self.size >= SAMPLE


# Each owner's last requests are looked up by its own index, whatever the planner would think of the index of times. Of an owner that
# it knows nothing of it expects fewer than the sample, and would sort all that are kept; sent together the setting ends with the query.
_SAMPLE = """
SELECT kept.* FROM unnest(%(owners)s::bigint[]) AS owner (id)
CROSS JOIN LATERAL (
    SELECT host, network, client, status, at FROM request_log
    WHERE {column} = owner.id AND at >= %(start)s AND at < %(end)s {products} ORDER BY at DESC LIMIT {sample}
) kept
ORDER BY kept.at DESC LIMIT {sample}
"""
_COUNTED = """
SET LOCAL enable_bitmapscan = off;
WITH sample AS MATERIALIZED ({sample})
SELECT grouping(host, network, client), coalesce(host, network, client), count(*), count(*) FILTER (WHERE status >= 400)
FROM sample GROUP BY GROUPING SETS ((host), (network), (client), ()) ORDER BY 3 DESC, 2
"""
_BITS = {0b011: "host", 0b101: "network", 0b110: "client", 0b111: "all"}


def callers(filters: Filters) -> Callers:
    """Return what the last kept requests of the filters' period say. One query."""
    period = filters.period
    column, owners = ("key_id", filters.key_ids) if filters.keys else ("organization_id", [filters.organization.pk])
    facts: dict[str, Any] = {"owners": owners, "start": period.start, "end": period.end}
    products = ""
    if filters.product_ids:
        facts["products"], products = filters.product_ids, "AND product_id = ANY(%(products)s)"
    sample = _SAMPLE.format(column=column, products=products, sample=SAMPLE)
    found: dict[str, list[CallerRow]] = {kind: [] for kind in _BITS.values()}
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED.format(sample=sample), facts)
        cursor.nextset()
        for bits, name, requests, failed in cursor.fetchall():
            found[_BITS[bits]].append(CallerRow(name or "", requests, failed))
    size = found.pop("all")[0].requests
    return Callers(size, settings.REQUEST_LOG_DAYS, {kind: tuple(rows[:ROWS]) for kind, rows in found.items()})
