"""What every template may use: icons, marks, moments, numbers, addresses."""

import datetime as dt
from functools import cache
from typing import Any
from urllib.parse import urlencode

from django import template
from django.conf import settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import pgettext_lazy

from dashboard import brand, htmx, languages, script_words, shell, words
from dashboard.moments import Clock
from dashboard.stamps import Stamps, narrow

register = template.Library()

PASSING = ("deleted", "receipt", "layout")
"""Query parameters of one answer, which links on the page do not keep."""

STATE_WORDS = {
    "healthy": pgettext_lazy("state", "Healthy"),
    "unused": pgettext_lazy("state", "Unused"),
    "limit": pgettext_lazy("state", "Near its limit"),
    "breaching": pgettext_lazy("state", "Breaching"),
    "failing": pgettext_lazy("state", "Failing"),
    "grace": pgettext_lazy("state", "In grace"),
    "expiring": pgettext_lazy("state", "Expires soon"),
    "expired": pgettext_lazy("state", "Expired"),
    "disabled": pgettext_lazy("state", "Disabled"),
    "suspended": pgettext_lazy("state", "Suspended"),
    "deleted": pgettext_lazy("state", "Deleted"),
    "current": pgettext_lazy("state", "Current"),
    "retired": pgettext_lazy("state", "Retired"),
}
STATE_MARKS = {"expired": "disabled", "suspended": "disabled", "deleted": "retired"}


@register.simple_tag
def brand_name() -> str:
    """The provider's name, which is ours where none is set."""
    return str(settings.BRAND_NAME)


@register.simple_tag
def brand_logo() -> str:
    """The address of the provider's logo; empty where ours is shown."""
    return brand.logo_url()


@register.simple_tag
def brand_style() -> str:
    """The address of the provider's colour; empty where ours is shown."""
    return brand.style_url()


@register.simple_tag
def page_language() -> str:
    """The language of the page, as HTML names it."""
    return languages.tag()


@register.simple_tag
def words_for_scripts() -> SafeString:
    """Attributes that hold what scripts say."""
    return _words_for_scripts(languages.current())


@cache
def _words_for_scripts(language: str) -> SafeString:
    return SafeString(narrow(format_html_join("", ' data-{}="{}"', script_words.attributes().items())))


@register.simple_tag(takes_context=True)
def masthead(context: template.Context) -> SafeString:
    """What stands above every page; `tab` in the context says where the page belongs."""
    return shell.masthead(context["request"], context.get("tab") or "")


@register.simple_tag
def remembered(template_name: str) -> SafeString:
    """A part of pages that is the same for all who read it in one language: rendered once, and given nothing to look at."""
    return Stamps(languages.current()).fill(template_name, {}, {})


@register.simple_tag
def brand_shade(step: int, ours: str) -> str:
    """A shade of the provider's colour, for mails, which have no stylesheet; `ours` where none is set."""
    return str(settings.BRAND_SHADES.get(step, ours))


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """An icon of the sprite, for the eye only."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#i-{}"/></svg>', static("img/icons.svg"), name
    )


@cache
def _mark(name: str) -> SafeString:
    return format_html(
        '<svg class="mark" aria-hidden="true"><use href="{}#m-{}"/></svg>', static("img/icons.svg"), name
    )


@register.simple_tag
def state(name: str, word: str = "", title: str = "") -> SafeString:
    """The badge of a state: shape, word, and colour where it deviates."""
    return format_html(
        '<span class="state" data-state="{}"{}>{}<span>{}</span></span>',
        STATE_MARKS.get(name, name) if name in ("expired", "suspended") else name,
        format_html(' title="{}"', title) if title else "",
        _mark(STATE_MARKS.get(name, name)),
        word or STATE_WORDS[name],
    )


@register.filter
def number(value: float | None) -> str:
    """A count with thousands parted."""
    if type(value) is int:
        return words.number(value)  # the same, in a tenth of the time
    return "" if value is None else intcomma(value)


@register.filter
def short_date(day: dt.date) -> str:
    """A date: 12 Mar 2024."""
    return words.date(day, words.SHORT_DATE)


@register.filter
def inside_sentence(label: str) -> str:
    """A label such as that of a role, as it stands inside a sentence."""
    return words.inside(label)


@register.filter(name="words")
def parted(text: str) -> list[str]:
    """Part a text at its spaces."""
    return text.split()


@register.filter
def may(request: Any, route: str) -> bool:
    """Whether the person may call a route, with every method that it has; on errors before anybody is known nothing."""
    return hasattr(request, "may") and request.may(route)


@register.simple_tag(takes_context=True)
def moment(context: template.Context, value: dt.datetime | None, style: str = "day") -> SafeString | str:
    """A point in time as `<time>`, in the organisation's zone.

    Styles: `day` (12 Mar 2024; today and yesterday with the time), `said` (the same inside a sentence), `full` (to the second),
    `ago` (4 s ago, later as `day`), `clock` (to the tenth of a second, without the day), `end` (the last day of what ends at
    midnight, else the day and the time).
    """
    return Clock.of(context.get("organization")).show(value, style)


@register.simple_tag(takes_context=True)
def countdown(context: template.Context, until: dt.datetime) -> SafeString | str:
    """The time that is left, which a script counts down: 21:14:36."""
    return Clock.of(context.get("organization")).countdown(until)


@register.simple_tag(takes_context=True)
def address(context: template.Context, **changes: Any) -> str:
    """The page's own address with some query parameters changed; None or an empty text takes one out."""
    return address_of(context["request"], **changes)


def address_of(request: HttpRequest, **changes: Any) -> str:
    """Return what `address` shows."""
    query = {name: values for name, values in request.GET.lists() if name not in PASSING}
    for name, value in changes.items():
        if value in (None, ""):
            query.pop(name, None)
        else:
            query[name] = [str(item) for item in (value if isinstance(value, (list, tuple)) else [value])]
    return f"?{urlencode(query, doseq=True)}" if query else request.path


@register.simple_tag
def opens_dialog(url: str) -> SafeString:
    """Attributes of a link whose page htmx shows in the dialog."""
    return format_html('href="{}" hx-get="{}" hx-target="#dialog" hx-swap="innerHTML"', url, url)


@register.simple_block_tag(takes_context=True)
def dialog_title(context: template.Context, content: str) -> SafeString:
    """The heading of an action: of the second level in the dialog, of the first where the action is a page of its own."""
    level = "h2" if htmx.wants_fragment(context["request"]) else "h1"
    return format_html('<{} id="dialog-title">{}</{}>', level, content, level)


@register.simple_tag(takes_context=True)
def submits_to(context: template.Context, url: str) -> SafeString:
    """Attributes of a form; in the dialog its answer is swapped into the dialog or wherever the server says."""
    if htmx.wants_fragment(context["request"]):
        return format_html(
            'method="post" action="{}" hx-post="{}" hx-target="#dialog" hx-swap="innerHTML" hx-disabled-elt="find [type=submit]" hx-disinherit="hx-disabled-elt"',
            url,
            url,
        )
    return format_html('method="post" action="{}"', url)
