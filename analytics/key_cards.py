"""Keys as lists show them, with their usage: values are worked out once per key, and templates of keys are filled in with them.

What was drawn is remembered by each process under all that went into it: the row, as the database told it, and its usage; who may
do what in which organisation, language, zone and day (`keys.rows.Reading`); and what time alone changes. The token of its
forms, which is of one person, is put in for each answer.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Any, Final, TypeVar

from django.core.signals import setting_changed
from django.dispatch import receiver
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from analytics import key_states, key_usage
from analytics.key_states import NEAR
from analytics.key_usage import KeyUsage
from dashboard import languages, words
from dashboard.stamps import narrow
from dashboard.templatetags.ui import state
from keys import rows
from keys.listing import KeyRow

Kept = TypeVar("Kept")
LINE: Final = "keys/_line.html"
REMEMBERED_MAX: Final = 2048
"""Of so many rows; one more, and all are forgotten. A card takes five kilobytes."""


@dataclass(frozen=True, slots=True)
class UsageShape:
    """What templates look at of a key's usage."""

    has_requests: bool
    has_peak: bool


def draw(
    request: Any,
    found: Sequence[KeyRow],
    template_name: str,
    usages: dict[int, KeyUsage] | None = None,
    *,
    is_oob: bool = False,
) -> SafeString:
    """Return rows of keys by a template of `keys`, with usages that are read here unless they are given. Two queries."""
    if usages is None:
        usages = key_usage.of_keys([row.pk for row in found], request.organization)
    reader = rows.Reader(request)
    drawn = []
    for row in found:
        usage = usages.get(row.pk, key_usage.NOTHING)
        of_record = (template_name, reader.reading, row, rows.passing(row, reader))
        made_of = (of_record, is_oob, usage)
        pieces = _remembered.get(made_of)
        if pieces is None:
            if (texts := _texts.get(of_record)) is None:
                texts = _keep(_texts, of_record, _record_texts(row, template_name, reader))
            html = _draw(row, usage, texts, template_name, reader, is_oob=is_oob)
            pieces = _keep(_remembered, made_of, rows.without_token(html))
        drawn.append(pieces)
    return rows.with_token(drawn, request)


_remembered: dict[tuple[Hashable, ...], tuple[str, ...]] = {}
_texts: dict[tuple[Hashable, ...], dict[str, str]] = {}
"""What is said of a key whatever its usage, escaped: a key in the middle of its traffic has another usage each time."""


def _keep(memory: dict[tuple[Hashable, ...], Kept], made_of: tuple[Hashable, ...], made: Kept) -> Kept:
    if len(memory) >= REMEMBERED_MAX:
        memory.clear()
    memory[made_of] = made
    return made


@receiver(setting_changed)
def _forget(**_: Any) -> None:
    """Draw all anew where tests change a setting."""
    _remembered.clear()
    _texts.clear()


def _draw(
    row: KeyRow, usage: KeyUsage, of_record: dict[str, str], template_name: str, reader: rows.Reader, *, is_oob: bool
) -> str:
    about = {
        **reader.about,
        "row": rows.shape(row),
        "usage": UsageShape(usage.requests > 0, usage.peak_qps > 0),
        "is_oob": is_oob,
    }
    texts = {**of_record, "states": badges(row.state, usage, reader.clock.language), "spark": spark(usage)}
    if template_name == LINE:
        texts["requests"] = SafeString(words.number(usage.requests))
        texts["peak"] = level(usage.peak_qps, usage.peak_limit)
    else:
        texts["total"] = total(usage)
        texts["peak"] = peak(usage)
    return reader.stamps.fill(template_name, about, texts)


def _record_texts(row: KeyRow, template_name: str, reader: rows.Reader) -> dict[str, str]:
    texts = rows.texts(row, reader)
    if template_name == LINE:
        more = len(row.products) - 1
        texts["first_product"] = row.products[0] if row.products else ""
        texts["more_products"] = f"+{more}" if more > 0 else ""
    else:
        texts["products"] = rows.chips(row, reader)
        texts["deviation"] = rows.notice(row, reader)
    return {name: SafeString(narrow(conditional_escape(text))) for name, text in texts.items()}


# Parts of a row, which pages of one key show too; the look of each is in one place. ------------------------------------
def spark(usage: KeyUsage) -> SafeString:
    """Return the sparkline of seven days: what came on an old string, what else passed, what was refused."""
    drawn = usage.sketch
    return SafeString(  # geometry, and a sentence of ours
        f'<svg class="spark" viewBox="0 0 {drawn.width} 28" preserveAspectRatio="none" role="img" '
        f'aria-label="{usage.sentence}"><path class="ground" d="M0 27.5h{drawn.width}"/><path class="old" d="{drawn.old}"/>'
        f'<path d="{drawn.passed}"/><path class="refused" d="{drawn.refused}"/></svg>'
    )


def total(usage: KeyUsage) -> SafeString:
    """Return how many requests there were in seven days."""
    if not usage.requests:
        return SafeString(gettext("No requests"))
    if usage.is_all_refused:
        return SafeString(gettext("<b>%(count)s</b> refused") % {"count": words.number(usage.refused)})
    text = ngettext("<b>%(shown)s</b> request", "<b>%(shown)s</b> requests", usage.requests)
    return SafeString(text % {"shown": words.number(usage.requests)})


def peak(usage: KeyUsage) -> SafeString:
    """Return the highest second of seven days beside its limit, marked where it is near or over it."""
    if not usage.peak_qps:
        return SafeString("")
    text = gettext("Peak <b>%(peak)s</b> of %(limit)s QPS") if usage.peak_limit else gettext("Peak <b>%(peak)s</b> QPS")
    text %= {"peak": words.number(usage.peak_qps), "limit": words.number(usage.peak_limit or 0)}
    mark = level_mark(usage.peak_qps, usage.peak_limit)
    return SafeString(f'<span class="level"{mark} title="{escape(usage.peak_product)}">{text}</span>')


def level(highest: int, limit: int | None) -> SafeString:
    """Return a peak beside its limit, as tables have it."""
    of_limit = gettext("of %(limit)s") % {"limit": words.number(limit)} if limit else ""
    return SafeString(
        f'<span class="level"{level_mark(highest, limit)}><b>{words.number(highest)}</b> {of_limit}'.rstrip()
        + "</span>"
    )


def level_mark(highest: int, limit: int | None) -> SafeString:
    """Return the attribute of a `.level`: near its limit, over it, or nothing."""
    if not limit or highest < limit * NEAR:
        return SafeString("")
    return SafeString(" data-over" if highest > limit else " data-near")


def badges(recorded: str, usage: KeyUsage, language: str = "") -> SafeString:
    """Return the badges of what a key is like, by the state of its record and its traffic, each with its reason."""
    language = language or languages.current()
    drawn = []
    for one in key_states.states(recorded, usage.day):
        reason = escape(one.reason)
        drawn.append(_badge(one.name, one.word, language).replace("%", reason))
    return SafeString("".join(drawn))


@lru_cache(maxsize=256)
def _badge(name: str, word: str, language: str) -> str:
    """Return a badge with % where its reason stands."""
    return f'{state(name, word, "%")}<span class="visually-hidden">%</span>'
