"""What templates about keys may use: code with its placeholder marked."""

from typing import Any

from django import template
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

from keys.snippets import PLACEHOLDER

register = template.Library()


@register.filter
def mark_placeholder(code: Any) -> SafeString:
    """Code with the place of the key marked. The code is escaped first; only `<mark>` is added."""
    return mark_safe(conditional_escape(code).replace(PLACEHOLDER, f"<mark>{PLACEHOLDER}</mark>"))  # noqa: S308
