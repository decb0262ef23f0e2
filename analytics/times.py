"""Dates and stretches of time in the words of the reader's language."""

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from analytics.ranges import MINUTE, Bucket, Period, Step, is_repeated
from dashboard import words

STEPS: Final = {"minute": _("minute"), "five_minutes": _("five minutes"), "hour": _("hour"), "day": _("day")}
"""What a bar stands for, as it is said after "per"."""


def date_words(date: dt.date, *, year: bool = True) -> str:
    """`17 November 2026`."""
    return words.date(date, words.DATE if year else words.DAY)


def period_words(period: Period, *, year: bool = True) -> str:
    """`11 to 17 November 2026`, `28 October to 3 November 2026`, `16 November, 15:00, to 17 November 2026, 15:00`."""
    first, last = period.first, period.last
    start, end = period.start.astimezone(period.zone), period.end.astimezone(period.zone)
    if period.is_minutes:
        told = {"date": date_words(start, year=year), "start": f"{start:%H:%M}", "end": f"{end:%H:%M}"}
        return gettext("%(date)s, %(start)s to %(end)s") % told
    if not period.is_dates:
        told = {"first": date_words(start, year=False), "start": f"{start:%H:%M}"}
        told |= {"last": date_words(end, year=year), "end": f"{end:%H:%M}"}
        return gettext("%(first)s, %(start)s, to %(last)s, %(end)s") % told
    if first == last:
        return date_words(last, year=year)
    if (first.year, first.month) == (last.year, last.month):
        return gettext("%(day)s to %(last)s") % {"day": first.day, "last": date_words(last, year=year)}
    is_other_year = first.year != last.year
    told = {"first": date_words(first, year=is_other_year), "last": date_words(last, year=year or is_other_year)}
    return gettext("%(first)s to %(last)s") % told


def compared_words(period: Period) -> str:
    """`11 to 17 November 2026, compared with 4 to 10 November until 15:00.`: what a page shows, and beside what."""
    before = period.before()
    if not period.is_dates:
        told = {"period": period_words(period), "length": length_words(period.end - period.start)}
        return gettext("%(period)s, compared with the %(length)s before.") % told
    told = {"period": period_words(period), "before": period_words(before, year=before.last.year != period.last.year)}
    if not period.includes_now:
        return gettext("%(period)s, compared with %(before)s.") % told
    told["time"] = f"{before.now.astimezone(period.zone):%H:%M}"
    return gettext("%(period)s, compared with %(before)s until %(time)s.") % told


def length_words(length: dt.timedelta) -> str:
    """`20 minutes`, `hour`, `24 hours`: what follows "the"."""
    hours, minutes = divmod(length // MINUTE, 60)
    count = hours if hours and not minutes else length // MINUTE
    if hours and not minutes:
        return (
            gettext("hour") if count == 1 else ngettext("%(count)s hour", "%(count)s hours", count) % {"count": count}
        )
    if count == 1:
        return gettext("minute")
    return ngettext("%(count)s minute", "%(count)s minutes", count) % {"count": words.number(count)}


def span_words(start: dt.datetime, end: dt.datetime, zone: ZoneInfo) -> str:
    """`Tue 17 Nov, 08:10–08:25` or, over midnight, `Mon 16 Nov, 23:50 – Tue 17 Nov, 00:10`."""
    first, last = start.astimezone(zone), end.astimezone(zone)
    said = f"{words.date(first, words.SHORT_WEEKDAY)}, {first:%H:%M}"
    if first.date() == last.date():
        return said if f"{first:%H:%M}" == f"{last:%H:%M}" else f"{said}–{last:%H:%M}"
    return f"{said} – {words.date(last, words.SHORT_WEEKDAY)}, {last:%H:%M}"


def bucket_words(bucket: Bucket, step: Step, zone: ZoneInfo) -> str:
    """`Tue 17 Nov, 08:00–09:00` or `Tue 17 Nov 2026`; an hour that comes twice says its offset."""
    start = bucket.start.astimezone(zone)
    if step == "day":
        return words.date(start, words.SHORT_WEEKDAY_DATE)
    said = f"{words.date(start, words.SHORT_WEEKDAY)}, {start:%H:%M}"
    if step == "minute":
        return said
    end = start.replace(tzinfo=None) + (bucket.end - bucket.start)  # as the clock would show it that is not changed
    offset = f" (UTC{start:%z})" if is_repeated(bucket.start, zone) else ""
    return f"{said}–{end:%H:%M}{offset}"
