"""Numbers, dates and stretches of time as the reader's language writes them: for sentences that are made in Python.

What machines read (CSV, JSON, coordinates of drawings, values of fields) is written without this module.
"""

import datetime as dt
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from django.utils import dateformat
from django.utils.formats import get_format
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from dashboard import languages

Words = str | Promise
"""A text; a lazy one is translated where it is shown."""

# How dates are written: the letters are those of Django's `date` filter.
DATE: Final = pgettext_lazy("date format", "j F Y")
DAY: Final = pgettext_lazy("date format", "j F")
WEEKDAY: Final = pgettext_lazy("date format", "l j F")
WEEKDAY_NAME: Final = pgettext_lazy("date format", "l")
SHORT_DATE: Final = pgettext_lazy("date format", "j M Y")
SHORT_DAY: Final = pgettext_lazy("date format", "j M")
SHORT_WEEKDAY: Final = pgettext_lazy("date format", "D j M")
SHORT_WEEKDAY_DATE: Final = pgettext_lazy("date format", "D j M Y")
WEEKDAY_NUMBER: Final = pgettext_lazy("date format", "D j")
SHORT_MONTH: Final = pgettext_lazy("date format", "M")


def date(day: dt.date, pattern: Words = DATE) -> str:
    """Write a date by one of the patterns above; of a time only its date is taken."""
    if isinstance(day, dt.datetime):
        day = day.date()
    return _written(day, str(pattern), languages.current())


@lru_cache(maxsize=4096)
def _written(day: dt.date, pattern: str, language: str) -> str:
    return dateformat.format(day, pattern)


def number(value: int) -> str:
    """`1,234,567` or `1.234.567`."""
    if -1000 < value < 1000:
        return str(value)
    return _localised(f"{value:,}")


def decimal(value: float, places: int) -> str:
    """`1,234.5` or `1.234,5`."""
    return _localised(f"{value:,.{places}f}")


def percent(value: float, places: int = 0) -> str:
    """`12.4 %` or `12,4 %`."""
    return f"{decimal(value, places)} %"


def _localised(text: str) -> str:
    signs = _signs(languages.current())
    return text.translate(signs) if signs else text


@lru_cache
def _signs(language: str) -> dict[int, str]:
    """Return what stands for comma and point; nothing where they stand for themselves."""
    thousand, point = get_format("THOUSAND_SEPARATOR"), get_format("DECIMAL_SEPARATOR")
    return {} if (thousand, point) == (",", ".") else {ord(","): thousand, ord("."): point}


NOUNS_ARE_CAPITAL: Final = frozenset({"de"})


def inside(label: str) -> str:
    """Write a label as it stands inside a sentence: small, where the language writes nouns small."""
    return label if languages.current() in NOUNS_ARE_CAPITAL else label.lower()


def requests(count: int) -> str:
    """`1 request`, `1,234 requests`."""
    return ngettext("%(count)s request", "%(count)s requests", count) % {"count": number(count)}


def listed(names: Sequence[str]) -> str:
    """`Search`, `Search and Routing`, `Map, Search and Routing`."""
    if len(names) < 2:
        return "".join(names)
    return gettext("%(several)s and %(last)s") % {"several": ", ".join(names[:-1]), "last": names[-1]}


def duration(seconds: int) -> str:
    """`3 days 04:10:09`, `21:14:36`."""
    days, rest = divmod(seconds, 86_400)
    clock = f"{rest // 3600:02}:{rest % 3600 // 60:02}:{rest % 60:02}"
    if not days:
        return clock
    counted = ngettext("%(count)s day", "%(count)s days", days) % {"count": days}
    return f"{counted} {clock}"


AGO: Final = ((_("%s s ago"), 60), (_("%s min ago"), 60), (_("%s h ago"), 24))
"""How long ago something was, in seconds, minutes and hours; and from how many on the next is taken."""


def ago(seconds: int) -> str:
    """`4 s ago`, `3 min ago`, `7 h ago`; empty from a day on."""
    for number, (_words, size) in enumerate(AGO):
        if seconds < size:
            return _ago(number, seconds, languages.current())
        seconds //= size
    return ""


@lru_cache(maxsize=512)
def _ago(number: int, count: int, language: str) -> str:
    return str(AGO[number][0]) % count
