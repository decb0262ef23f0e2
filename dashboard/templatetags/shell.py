"""What the shell's pages and every form use: the control of a field, the text of a mail."""

import re
from urllib.parse import urlsplit, urlunsplit

from django import template
from django.conf import settings
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect, Select
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

_ADDRESS = re.compile(r"(https?://[^\s<>\"]+)")


@register.simple_tag
def control(field: BoundField) -> SafeString:
    """The widget of a field in the look of the house; Django adds what describes it and whether it is invalid."""
    widget = field.field.widget
    if isinstance(widget, (CheckboxInput, CheckboxSelectMultiple, RadioSelect)):
        return field.as_widget()
    return field.as_widget(attrs={"class": f"input {widget.attrs.get('class', '')}".strip()})


@register.filter
def is_checkbox(field: BoundField) -> bool:
    """Whether the label stands behind the control."""
    return isinstance(field.field.widget, CheckboxInput)


@register.filter
def is_select(field: BoundField) -> bool:
    """Whether one of a list is chosen: its first entry says what leaving it alone means, and its arrow is ours."""
    return isinstance(field.field.widget, Select) and not isinstance(field.field.widget, RadioSelect)


@register.simple_tag(takes_context=True)
def mail_text(context: template.Context, text: str) -> SafeString:
    """The text of a mail, escaped, in which addresses of this site are links; those of other sites stay text."""
    request: HttpRequest = context["request"]
    parts = _ADDRESS.split(text)
    return format_html_join(
        "", "{}", ((_link(part, request) if index % 2 else part,) for index, part in enumerate(parts))
    )


def _link(address: str, request: HttpRequest) -> str:
    """Return a link to an address of ours, under the name by which this page was opened: there the session is."""
    try:
        parts = urlsplit(address)
    except ValueError:  # such as https://[
        return address
    if parts.netloc not in {request.get_host(), urlsplit(settings.DASHBOARD_URL).netloc}:
        return address
    here = parts._replace(scheme=request.scheme or "", netloc=request.get_host())
    return format_html('<a href="{}">{}</a>', urlunsplit(here), address)
