"""When keys end: the last day on which one works, and what an organisation allows.

People say "until 31 December"; stored is the midnight after it, in the organisation's time zone.
"""

import datetime as dt
import zoneinfo

from accounts.models import Organization

DAY = dt.timedelta(days=1)
NEVER = dt.date(2100, 1, 1)
"""Later ends than this are typing errors."""
MOMENT = dt.timedelta(microseconds=1)


def end_of(day: dt.date, zone: zoneinfo.ZoneInfo) -> dt.datetime:
    """Return the first moment after a day."""
    return dt.datetime.combine(day + DAY, dt.time(), zone)


def last_day(end: dt.datetime, zone: zoneinfo.ZoneInfo) -> dt.date:
    """Return the day of the last moment before an end."""
    return (end - MOMENT).astimezone(zone).date()


def latest(organization: Organization, made_at: dt.datetime) -> dt.date | None:
    """Return the last day that the policy allows a key whose string was made at a moment; None where all are allowed."""
    if organization.key_life_days is None:
        return None
    return made_at.astimezone(organization.zone).date() + organization.key_life_days * DAY


def is_allowed(end: dt.datetime | None, organization: Organization, made_at: dt.datetime) -> bool:
    """Whether a key may end then under the organisation's policy."""
    allowed = latest(organization, made_at)
    return allowed is None or (end is not None and last_day(end, organization.zone) <= allowed)
