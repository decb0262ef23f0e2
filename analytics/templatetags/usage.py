"""Usage in other rooms' pages, and small words of the analytics pages.

A list of keys, and one (two queries for all of them; `keys` are things with the `pk` of a key, or one such thing):

    {% load usage %}
    {% key_rows rows "keys/_row.html" %}          cards with their usage; `rows` are KeyRows
    {% usage_of key as usages %}
    {% usage_for usages key as usage %}           a KeyUsage
    {% spark usage %}                             the sparkline: 28 pins of six hours

`usage` has requests, refused, is_all_refused, peak_qps, peak_product, peak_limit, sketch, sentence, and can
be shown otherwise than by these tags. A key's last 24 hours, for confirmations (three queries; needs `key` in the context):

    {% include "analytics/_traffic.html" %}

or `{% usage_of_day key as day %}`, a DayUsage: requests, refused, networks; `{% handover_of key as move %}`, a Handover: how far
requests have moved from its old string to the new one. The address of a key's
analytics is `{% url "analytics:usage" %}?key={{ key.public_id }}`.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from django import template
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from analytics import handover, key_usage, sentences, sizing, times
from analytics.callers import KINDS, CallerRow, Callers
from analytics.failed import percent
from analytics.filters import Filters
from analytics.key_cards import badges, draw, level, level_mark, peak, spark, total
from analytics.key_usage import DayUsage, KeyUsage
from analytics.models import ZoneChange
from analytics.queries import Counts
from analytics.report import Report
from dashboard import words
from keys.listing import KeyRow
from keys.models import ApiKey

register = template.Library()

CHARTED = {
    "usage": _("Requests"),
    "breaches": _("QPS breaches"),
    "errors": _("Errors"),
    "callers": _("Requests"),
}
"""What the chart of a view counts."""


class Keyed(Protocol):
    """A key, or a row that stands for one."""

    @property
    def pk(self) -> int:
        """The primary key of the key."""


# For other rooms ------------------------------------------------------------------------------------------------------
@register.simple_tag(takes_context=True)
def usage_of(context: template.Context, keys: Iterable[Keyed] | Keyed) -> dict[int, KeyUsage]:
    """The last seven days of each key, or of one, for `usage_for`."""
    several = keys if isinstance(keys, Iterable) else [keys]
    return key_usage.of_keys([key.pk for key in several], context["organization"])


@register.simple_tag
def usage_for(usages: dict[int, KeyUsage], key: Keyed) -> KeyUsage:
    """One key's part of `usage_of`."""
    return usages.get(key.pk, key_usage.NOTHING)


@register.simple_tag(takes_context=True)
def key_rows(
    context: template.Context,
    rows: Sequence[KeyRow],
    template_name: str,
    usages: dict[int, KeyUsage] | None = None,
    *,
    is_oob: bool = False,
) -> SafeString:
    """Rows of a list of keys, by the template of a card or of a line."""
    return draw(context["request"], rows, template_name, usages, is_oob=is_oob)


@register.simple_tag
def key_states_of(recorded: str, usage: KeyUsage) -> SafeString:
    """The badges of what a key is like."""
    return badges(recorded, usage)


register.simple_tag(spark)
register.simple_tag(total, name="usage_total")
register.simple_tag(peak, name="peak_level")
register.simple_tag(level)
register.filter(level_mark)


@register.simple_tag(takes_context=True)
def usage_of_day(context: template.Context, key: Keyed) -> DayUsage:
    """The last 24 hours of one key."""
    return key_usage.of_last_day(key.pk, context["organization"])


register.simple_tag(handover.of_key, name="handover_of")


@register.simple_tag
def fits_of(key: ApiKey) -> list[sizing.Fit]:
    """How the QPS limits of a key fit its measured peaks."""
    return sizing.fits_of(key)


register.simple_tag(sizing.days_of, name="daily_fits_of")


# For the analytics pages ----------------------------------------------------------------------------------------------
@register.simple_tag
def narrowed(filters: Filters, **changes: Any) -> str:
    """The address of the same choice with some parameters changed."""
    return filters.url(**changes)


@register.simple_tag
def toggle(filters: Filters, code: str) -> str:
    """The address of the same choice with a series of the drawing hidden, or shown again."""
    return filters.toggle_url(code)


@register.simple_tag
def sheet(filters: Filters, name: str, **changes: Any) -> str:
    """The address of the same rows as a file."""
    return filters.sheet_url(name, **changes)


@register.filter
def by_kind(found: Callers) -> list[tuple[str, str, tuple[CallerRow, ...]]]:
    """What the request log says of callers: kind, heading, rows."""
    return [(kind, str(heading), found.rows[kind]) for kind, heading in KINDS.items()]


@register.filter
def success(counts: Counts) -> str:
    """The share of requests that succeeded."""
    return sentences.success(counts)


@register.simple_tag
def zone_note(change: ZoneChange, filters: Filters) -> str:
    """From when days are those of the organisation's zone, where the page shows earlier ones."""
    if change.recounted_at is None:
        text = gettext(
            "The time zone was changed to %(zone)s. Hours and days are being counted anew; figures may be wrong meanwhile."
        )
        return text % {"zone": change.zone}
    if filters.period.first >= change.first_date:
        return ""
    text = gettext("Days are those of %(zone)s from %(date)s on; earlier ones are those of %(former)s.")
    return text % {
        "zone": change.zone, "date": times.date_words(change.first_date), "former": change.former_zone,
    }  # fmt: skip


@register.simple_tag
def charted(filters: Filters) -> str:
    """What the chart counts."""
    return str(CHARTED[filters.view])


@register.simple_tag
def product_name(filters: Filters, product_id: int) -> str:
    """A product's name."""
    return filters.name_of(product_id)


@register.simple_tag
def share_of(part: int, whole: int) -> str:
    """The width of a share bar."""
    return percent(part, whole or 1)


@register.simple_tag
def part_of(part: int, whole: int) -> str:
    """A part in per cent: `4.2 %`; more than nothing is never 0.0 %."""
    if not part or not whole:
        return words.percent(0) if whole else "–"
    share = part / whole * 100
    return words.percent(share, 1) if share >= 0.05 else f"< {words.percent(0.1, 1)}"


@register.filter
def period_words(filters: Filters) -> str:
    """The dates that are shown."""
    return times.period_words(filters.period)


@register.filter
def period_sentence(filters: Filters) -> str:
    """The dates that are shown and those they are compared with."""
    return times.compared_words(filters.period)


@register.simple_tag
def chart_sentence(report: Report) -> str:
    """What the chart shows, for those who do not see it."""
    filters = report.filters
    told = {"what": CHARTED[filters.view], "step": filters.step_words}
    if filters.is_split:
        said = [gettext("%(what)s per %(step)s by product.") % told, f"{report.highest}."]
    else:
        said = [gettext("%(what)s per %(step)s.") % told, f"{report.highest}."]
    if report.gaps:
        said.append(gettext("Not all was counted: %(gaps)s.") % {"gaps": "; ".join(report.gaps)})
    if report.peak_of:
        text = gettext("Below: the peak per second of %(product)s against its limit.")
        said.append(text % {"product": report.peak_of[0]})
    return " ".join([*said, gettext("The same figures are in the table below.")])


@register.filter
def clock(at: dt.datetime, zone: ZoneInfo) -> str:
    """A time of today, `14:20:01`; with the date when it is another day."""
    local, today = at.astimezone(zone), dt.datetime.now(zone).date()
    return f"{local:%H:%M:%S}" if local.date() == today else f"{words.date(local, words.SHORT_DAY)}, {local:%H:%M:%S}"


@register.filter
def age(seconds: int) -> str:
    """`6 s`, `4 min`, `3 h`, `2 days`."""
    for unit, size in (("s", 120), ("min", 120), ("h", 48)):
        if seconds < size:
            return f"{seconds} {unit}"
        seconds //= 60 if unit != "h" else 24
    return ngettext("%(count)s day", "%(count)s days", seconds) % {"count": seconds}
