"""The example of the style guide's chart: a week of invented figures, drawn as those of Analytics are."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from accounts.models import Organization
from analytics import charts, marks, ranges, times
from analytics.changes import Changes
from analytics.charts import Series
from analytics.filters import Filters
from analytics.queries import Counts
from analytics.ranges import Period
from analytics.ranking import Nearest
from analytics.report import NumbersRow, Report
from dashboard.demo.usage import PROFILE

ZONE = ZoneInfo("Europe/Amsterdam")
NOW = dt.datetime(2026, 3, 12, 14, 20, tzinfo=ZONE)
LIMIT = 60


def example() -> dict[str, Any]:
    """Return what the chart's template needs: `filters`, `report`, `chart`."""
    period = Period.of_days(7, now=NOW, zone=ZONE)
    buckets = period.buckets("hour")
    begun = [bucket for bucket in buckets if bucket.has_begun(NOW)]
    local = [bucket.start.astimezone(ZONE) for bucket in begun]
    weights = [PROFILE[at.hour] * (0.35 if at.weekday() > 4 else 1) for at in local]
    series = tuple(
        Series(str(number), name, tuple(round(weight * size) for weight in weights), name.lower())
        for number, (name, size) in enumerate([("Map Display API", 90), ("Routing API", 40), ("Search API", 18)], 1)
    )
    peaks = [
        round(weight * 4.2) + (18 if at.weekday() == 1 and at.hour == 9 else 0)
        for weight, at in zip(weights, local, strict=True)
    ]
    changed = (marks.Mark(local[60], "Rotated", "Alma Lind rotated Web shop", "#content"),)
    filters = Filters("usage", "7d", period, "hour", True, Organization(), (), (), False, {})
    numbers = tuple(
        NumbersRow(
            times.bucket_words(bucket, "hour", ZONE),
            tuple(f"{count:,}" for count in counts),
            ranges.clock_time(bucket.start, ZONE),
        )
        for bucket, *counts in zip(begun, *(one.values for one in series), peaks, strict=True)
    )
    nearest = Nearest(0, "Web shop", max(peaks), LIMIT)
    headings = (*((one.mark, one.name, False) for one in series), ("", "Peak QPS of Routing API", False))
    chart = charts.draw(
        buckets, series, step="hour", zone=ZONE, now=NOW, peaks=peaks, limit=LIMIT, flags=marks.flags(changed, buckets)
    )
    report = Report(
        filters=filters, totals=Counts(), metrics=(), lead="", turn="", quality="", series=series, chart=chart,
        peak_of=("Routing API", nearest), numbers=numbers, headings=headings, products=(), keys=(), other_keys=None, reasons=(),
        highest="The highest hour is an example", failed=0, callers=None, until=ranges.clock_time(begun[-1].end, ZONE),
        changes=Changes(changed), gaps=(), gap_until=None,
    )  # fmt: skip
    return {"filters": filters, "report": report, "chart": chart}
