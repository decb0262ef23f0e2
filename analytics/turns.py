"""The day on which the course of a figure turned most, and what turned with it: "fell by 18.0 % on Tuesday, mostly …"."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from analytics.filters import Filters, View
from analytics.queries import Counts
from analytics.ranges import DAY, Bucket
from analytics.sentences import SUBJECTS, is_manifold, percentage
from dashboard import words
from dashboard.words import Words

NOTABLE = 0.1
"""A change by less than this part of what was before is not worth a sentence."""

LEAST = 50
"""Nor is a change by fewer requests than this."""

MOSTLY, LARGELY = 0.5, 0.3
"""What makes up at least this part of a change is most of it, or a large part."""

WEEK = 7

Days = Mapping[dt.date, Mapping[int, Counts]]
"""Counts by date and product."""

PARTS: dict[str, Callable[[Counts], int]] = {
    "successful": lambda counts: counts.successful,
    "breaches": lambda counts: counts.over_qps,
    "4xx": lambda counts: counts.errors_4xx,
    "5xx": lambda counts: counts.errors_5xx,
}
PART_WORDS: dict[str, Words] = {
    "successful": pgettext_lazy("inside a sentence", "requests"),
    "breaches": pgettext_lazy("inside a sentence", "QPS breaches"),
    "4xx": _("4XX errors"),
    "5xx": _("5XX errors"),
}
VIEWED: dict[View, tuple[str, tuple[str, ...]]] = {
    "usage": ("requests", ("successful", "breaches", "4xx", "5xx")),
    "breaches": ("breaches", ("breaches",)),
    "errors": ("errors", ("4xx", "5xx")),
}
"""What a view's chart counts: its subject (of `sentences.SUBJECTS`), and the parts that it is the sum of."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A change from one day to another, and its largest part: which, of which product, how much of the change."""

    date: dt.date
    earlier: dt.date
    now: int
    before: int
    part: str
    product_id: int
    share: float


def days_of(
    filters: Filters, buckets: list[Bucket], grid: Mapping[tuple[int, int], Counts], lost: Iterable[Bucket] = ()
) -> Days:
    """Return the counts of each date that has passed as a whole, also of those on which nothing came.

    Dates of which something was not counted (`lost`) are left out: their figures are too low.
    """
    period = filters.period
    if not period.is_dates:
        return {}
    dates = [bucket.start.astimezone(period.zone).date() for bucket in buckets]
    today = period.now.astimezone(period.zone).date()
    unsure = {bucket.start.astimezone(period.zone).date() for bucket in lost}
    days: dict[dt.date, dict[int, Counts]] = {date: {} for date in dates if date < today and date not in unsure}
    for (index, product), counts in grid.items():
        day = days.get(dates[index])
        if day is not None:
            day[product] = day.get(product, Counts()) + counts
    return days


def turn(days: Days, view: View) -> Turn | None:
    """Return the largest change from a day to the same day of the next week or, of less than eight days, to the next day."""
    parts = VIEWED[view][1]
    apart = WEEK if len(days) > WEEK else 1
    found = []
    for date, products in days.items():
        earlier = date - apart * DAY
        if earlier not in days:
            continue
        now, before = _sum(products, parts), _sum(days[earlier], parts)
        if before and abs(now - before) >= max(LEAST, NOTABLE * before):
            found.append((abs(now - before), date, earlier, now, before))
    if not found:
        return None
    _, date, earlier, now, before = max(found)
    product, part, share = _cause(days[date], days[earlier], parts, now - before)
    return Turn(date, earlier, now, before, part, product, share)


def _sum(products: Mapping[int, Counts], parts: tuple[str, ...]) -> int:
    return sum(PARTS[part](counts) for counts in products.values() for part in parts)


def _cause(
    now: Mapping[int, Counts], before: Mapping[int, Counts], parts: tuple[str, ...], change: int
) -> tuple[int, str, float]:
    """Return the product and part that make up most of a change, and their share of it."""
    none = Counts()
    shares = {
        (product, part): (PARTS[part](now.get(product, none)) - PARTS[part](before.get(product, none))) / change
        for product in sorted({*now, *before})
        for part in parts
    }
    (product, part), share = max(shares.items(), key=lambda item: item[1])
    return product, part, share


def sentence(filters: Filters, found: Turn | None) -> str:
    """Say a turn; nothing where there is none."""
    if found is None:
        return ""
    is_next = found.date - found.earlier == DAY
    day = words.date(found.earlier, words.WEEKDAY_NAME)
    told = {
        "what": SUBJECTS[VIEWED[filters.view][0]][0],
        "share": percentage(found.now, found.before),
        "date": words.date(found.date, words.WEEKDAY),
        "than": gettext("the day before") if is_next else gettext("the %(weekday)s before") % {"weekday": day},
    }
    if is_manifold(found.now, found.before):
        told |= {"before": words.number(found.before), "now": words.number(found.now)}
        text = gettext("%(what)s rose from %(before)s to %(now)s on %(date)s against %(than)s") % told
    elif found.now > found.before:
        text = gettext("%(what)s rose by %(share)s on %(date)s against %(than)s") % told
    else:
        text = gettext("%(what)s fell by %(share)s on %(date)s against %(than)s") % told
    if found.share < LARGELY:
        return f"{text}."
    part = {"text": text, "part": PART_WORDS[found.part], "product": filters.name_of(found.product_id)}
    if found.share >= MOSTLY:
        return gettext("%(text)s, mostly %(part)s of %(product)s.") % part
    return gettext("%(text)s, to a large part %(part)s of %(product)s.") % part
