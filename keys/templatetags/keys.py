"""What templates about keys may use: code with its placeholder marked, and what deviates about a key."""

from typing import Any

from django import template
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

from keys import domains, rows
from keys.listing import KeyRow
from keys.snippets import PLACEHOLDER

register = template.Library()


@register.filter
def mark_placeholder(code: Any) -> SafeString:
    """Code with the place of the key marked. The code is escaped first; only `<mark>` is added."""
    return mark_safe(conditional_escape(code).replace(PLACEHOLDER, f"<mark>{PLACEHOLDER}</mark>"))  # noqa: S308


register.filter("readable_domain", domains.readable)


@register.simple_tag(takes_context=True)
def key_notice(context: template.Context, row: KeyRow) -> SafeString:
    """What deviates about a key, and what to do."""
    return rows.notice(row, rows.Reader(context["request"]))
