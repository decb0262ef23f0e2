"""Points in time as pages write them: `<time>`, in the zone of the organisation, in the reader's language."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

from django.utils import timezone
from django.utils.formats import get_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization
from dashboard import languages, words

_SECOND: Final = dt.timedelta(seconds=1)
_NEAR: Final = {0: _("Today, %(time)s"), 1: _("Yesterday, %(time)s"), -1: _("Tomorrow, %(time)s")}
_SAID: Final = {0: _("today, %(time)s"), 1: _("yesterday, %(time)s"), -1: _("tomorrow, %(time)s")}


@dataclass(frozen=True, slots=True)
class Clock:
    """What it takes to write points in time: made once for a page. `now` is in the zone."""

    zone: dt.tzinfo
    now: dt.datetime
    language: str

    @classmethod
    def of(cls, organization: Organization | None) -> Self:
        """Return the clock of an organisation; without one that of UTC."""
        zone = organization.zone if organization else dt.UTC
        return cls(zone, timezone.now().astimezone(zone), languages.current())

    def show(self, value: dt.datetime | None, style: str = "day") -> SafeString | str:
        """Return `<time>`, or that it never was. For the styles see `ui.moment`. A list has hundreds."""
        if value is None:
            return _never(style, self.language)
        if style == "ago":
            shown = self.ago(value) or _shown(value, self.zone, self.now.date(), "day", self.language)
            return SafeString(f"{_opened(value, self.zone, self.language)} data-ago>{shown}</time>")
        shown = _shown(value, self.zone, self.now.date(), style, self.language)
        return SafeString(f"{_opened(value, self.zone, self.language)}>{shown}</time>")

    def ago(self, value: dt.datetime | None) -> str:
        """Return how long ago something was; empty from a day on, and for what is still to come or never was."""
        seconds = -1 if value is None else (self.now - value) // _SECOND
        return words.ago(seconds) if seconds >= 0 else ""

    def countdown(self, until: dt.datetime | None) -> SafeString | str:
        """Return the time that is left, which a script counts down: 21:14:36."""
        if until is None:
            return ""
        left = max(0, int((until - self.now).total_seconds()))
        at = until.isoformat(timespec="seconds")
        return SafeString(f'<time datetime="{at}" data-countdown>{words.duration(left)}</time>')


@lru_cache
def _never(style: str, language: str) -> str:
    return pgettext("inside a sentence", "never") if style == "said" else gettext("Never")


# The language is an argument of what is remembered: gettext looks at it. Dates and our own words need no escaping.
@lru_cache(maxsize=4096)
def _opened(value: dt.datetime, zone: dt.tzinfo, language: str) -> str:
    return f'<time datetime="{value.isoformat(timespec="seconds")}" title="{_full(value.astimezone(zone))}"'


@lru_cache(maxsize=4096)
def _shown(value: dt.datetime, zone: dt.tzinfo, today: dt.date, style: str, language: str) -> str:
    local = value.astimezone(zone)
    if style in ("day", "said"):
        return _near(local, today, _SAID if style == "said" else _NEAR) or words.date(local, words.SHORT_DATE)
    return {"full": _full, "clock": _clock, "end": _end}[style](local)


def _full(local: dt.datetime) -> str:
    return gettext("%(date)s at %(time)s") % {"date": words.date(local), "time": f"{local:%H:%M:%S}"}


def _near(local: dt.datetime, today: dt.date, said: Mapping[int, words.Words]) -> str:
    """Name today, yesterday and tomorrow; inside a sentence some languages write them otherwise than at its beginning."""
    day = said.get((today - local.date()).days)
    return str(day) % {"time": f"{local:%H:%M}"} if day else ""


def _clock(local: dt.datetime) -> str:
    return f"{local:%H:%M:%S}{get_format('DECIMAL_SEPARATOR')}{local.microsecond // 100_000}"


def _end(local: dt.datetime) -> str:
    if local.time() == dt.time():
        return words.date(local - dt.timedelta(days=1))
    return gettext("%(date)s, %(time)s") % {"date": words.date(local), "time": f"{local:%H:%M}"}
