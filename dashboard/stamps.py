"""Parts of a list that are the same in every row but for a few texts: rendered once per page, then only filled in.

A menu of a key has a dozen links, icons and words; in a list of fifty keys they differ by the key's ID and name. To render such a part
anew for every row takes most of the time of the page.
"""

import secrets
from collections.abc import Hashable
from typing import Any

from django import template
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString

_MARK = f"mark{secrets.token_hex(8)}"
"""Stands where a text will be: letters that no text has by chance and that addresses keep as they are."""


def fill(context: template.Context, template_name: str, shape: Hashable, texts: dict[str, Any]) -> SafeString:
    """Return a template with texts put in, each escaped; they stand in HTML or in quoted attributes, and in no tag's argument but `url`.

    `shape` is whatever else the template looks at in the row; for each other shape it is rendered again.
    """
    stamps: dict[Hashable, str] = context["request"].__dict__.setdefault("stamps", {})
    place = (template_name, shape)
    if place not in stamps:
        with context.push(**{name: f"{_MARK}{name}" for name in texts}):
            stamps[place] = template.Engine.get_default().get_template(template_name).render(context)
    filled = stamps[place]
    for name, text in texts.items():
        filled = filled.replace(f"{_MARK}{name}", conditional_escape(text))
    return SafeString(filled)
