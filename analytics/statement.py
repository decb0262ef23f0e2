"""A month of an organisation, per key and product: what is printed, filed, and compared with an invoice."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db.models import F, Min, OuterRef, QuerySet, Subquery
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization
from analytics import queries
from analytics.export import Cell, Sheet
from analytics.filters import NO_PRODUCT_NAME
from analytics.models import OrganizationDay, UsageMonth
from analytics.queries import Counts
from analytics.ranges import DAY
from keys.models import ApiKey, Product

PAGE_LINES = 2_000
"""So many lines are printed at most; the file has all of them."""
COLUMNS = ("Key ID", "Key", "Product", "Requests", "Successful", "QPS breaches", "4XX errors", "5XX errors")
_NO_KEY = _("A removed key")


@dataclass(frozen=True, slots=True)
class Line:
    """One key with one product, or the sum of a product (`public_id` empty)."""

    public_id: str
    name: str
    product: str
    counts: Counts


@dataclass(frozen=True, slots=True)
class Statement:
    """A month, by its first date: its lines (at most PAGE_LINES), the sums by product, the sum of all, and the months beside it."""

    month: dt.date
    lines: tuple[Line, ...]
    left_out: int
    products: tuple[Line, ...]
    totals: Counts
    is_running: bool
    earlier: dt.date | None
    later: dt.date | None


def read_month(text: str, today: dt.date) -> dt.date:
    """Read `2026-11`; the month before the running one where nothing is asked for. Raises ValidationError."""
    if not text:
        return (today.replace(day=1) - DAY).replace(day=1)
    try:
        month = dt.datetime.strptime(text, "%Y-%m").date()
    except ValueError:
        raise ValidationError(gettext("Write the month as 2026-11.")) from None
    if month > today:
        raise ValidationError(gettext("This month has not begun."))
    return month


def make(organization: Organization, month: dt.date, today: dt.date) -> Statement:
    """Read a month. Sums come from the organisation's days, lines from the months by key: they agree."""
    names = {product.pk: product.name for product in Product.objects.all()}
    days = OrganizationDay.objects.filter(organization_id=organization.pk)
    oldest = days.aggregate(date=Min("date"))["date"] or today
    sums = days.filter(date__gte=month, date__lt=_following(month)).values("product_id").annotate(**queries.SUMS)
    products = sorted(((_product(names, row["product_id"]), Counts.of(row)) for row in sums), key=lambda each: each[0])
    lines = list(_lines(organization, month, names, PAGE_LINES + 1))
    count = len(lines) if len(lines) <= PAGE_LINES else _rows(organization, month).count()
    following = _following(month)
    return Statement(
        month=month,
        lines=tuple(lines[:PAGE_LINES]),
        left_out=count - min(len(lines), PAGE_LINES),
        products=tuple(Line("", "", name, counts) for name, counts in products),
        totals=sum((counts for _, counts in products), Counts()),
        is_running=following > today,
        earlier=(month - DAY).replace(day=1) if month > oldest else None,
        later=following if following <= today else None,
    )


def sheet(organization: Organization, month: dt.date) -> Sheet:
    """Return all lines as a file has them."""
    names = {product.pk: product.name for product in Product.objects.all()}
    return Sheet(COLUMNS, (_cells(line) for line in _lines(organization, month, names, None)))


def _cells(line: Line) -> list[Cell]:
    counts = line.counts
    numbers = (counts.requests, counts.successful, counts.over_qps, counts.errors_4xx, counts.errors_5xx)
    return [line.public_id, line.name, line.product, *numbers]


def _rows(organization: Organization, month: dt.date) -> QuerySet[UsageMonth]:
    return UsageMonth.objects.filter(organization_id=organization.pk, month=month)


def _lines(organization: Organization, month: dt.date, names: dict[int, str], most: int | None) -> Iterator[Line]:
    keys = ApiKey.objects.filter(pk=OuterRef("key_id"))
    rows = _rows(organization, month).annotate(
        public_id=Subquery(keys.values("public_id")), name=Subquery(keys.values("name"))
    )
    ordered = rows.order_by(F("name").asc(nulls_last=True), "key_id", "product_id")
    for row in ordered.values()[:most].iterator(chunk_size=2_000):
        yield Line(
            row["public_id"] or "", row["name"] or str(_NO_KEY), _product(names, row["product_id"]), Counts.of(row)
        )


def _product(names: dict[int, str], product_id: int) -> str:
    return names.get(product_id) or str(NO_PRODUCT_NAME)


def _following(month: dt.date) -> dt.date:
    return (month + 32 * DAY).replace(day=1)
