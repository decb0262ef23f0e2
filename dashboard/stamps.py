"""Templates of rows and of what stands around every page, rendered once per shape and process, then only filled in with texts.

To render a card of a key takes Django's template engine a millisecond; fifty of them differ by their texts and by little else. So
a template of a row is rendered with blanks in place of the texts, once for each shape that rows have; what comes out is a
form into which texts are put. Whatever tags of the template look at (`about`) is named by who fills it in, and the context holds
nothing else: no request, no person, no row. So what is kept knows of nobody. Settings hold for as long as the process does.
"""

import re
import secrets
from collections.abc import Hashable, Mapping
from functools import lru_cache
from html import escape
from typing import Any, Final, Never

from django.core.signals import setting_changed
from django.dispatch import receiver
from django.template import Context, Engine, Template
from django.utils import translation
from django.utils.safestring import SafeString

FORMS_MAX: Final = 2048
_MARK: Final = f"mark{secrets.token_hex(8)}"
"""Stands where a text will be: letters that no text has by chance and that addresses keep as they are."""
_MARKED: Final = re.compile(rf"{_MARK}([a-z_]+)Z")


class BlankError(TypeError):
    """A template asks something of a text that is not there yet; what it asks belongs to the shape."""


class Blank(str):
    """The place of a text. It is shown and nothing else: an answer to `if` would hold for every row of the shape."""

    __slots__ = ()

    def __bool__(self) -> Never:
        raise BlankError(f"A template may show the text “{self}” but not ask whether it is there.")


class Stamps:
    """Templates that one page fills in, in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._templates: dict[str, Template] = {}

    def fill(self, template_name: str, about: Mapping[str, Hashable], texts: Mapping[str, str]) -> SafeString:
        """Return a template with texts put in, each escaped; they stand in HTML, in quoted attributes or in arguments of `url`.

        `about` is all that its tags look at. The first row of a shape costs a rendering, each further one about 10 µs.
        """
        template = self._templates.get(template_name)
        if template is None:
            template = self._templates[template_name] = Engine.get_default().get_template(template_name)
        pieces, places = _form(template, self.language, tuple(about.items()), tuple(texts))
        escaped = _escaped(texts)
        filled = list(pieces)
        for place, name in places:
            filled[place] = escaped[name]
        return SafeString(narrow("".join(filled)))


def narrow(html: str) -> str:
    """Return HTML with references in place of letters beyond Latin 1.

    Python keeps a text with one of them in twice the memory, and a page is made of copies of what it is made of: without them a page of
    keys is put together and encoded in a third of the time.
    """
    return html if html.isascii() else html.encode("latin-1", "xmlcharrefreplace").decode("latin-1")


def _escaped(texts: Mapping[str, str]) -> Mapping[str, str]:
    """Escape what may hold markup, all of it at once: for short texts that takes a third of the time."""
    plain = {name: text for name, text in texts.items() if not isinstance(text, SafeString)}
    if not plain:
        return texts
    return {**texts, **dict(zip(plain, escape(_MARK.join(plain.values())).split(_MARK), strict=True))}


Form = tuple[tuple[str, ...], tuple[tuple[int, str], ...]]
"""Pieces of HTML, and at which places among them which text stands."""


@receiver(setting_changed)
def _forget(**_: Any) -> None:
    """Render all anew where tests change a setting."""
    _form.cache_clear()


@lru_cache(maxsize=FORMS_MAX)
def _form(template: Template, language: str, about: tuple[tuple[str, Hashable], ...], names: tuple[str, ...]) -> Form:
    """Render a template with blanks. `template` is one object as long as its file is the same."""
    blanks: dict[str, str] = {name: Blank(f"{_MARK}{name}Z") for name in names}
    if "csrf_token" in blanks:
        blanks["csrf_token"] = str.__str__(blanks["csrf_token"])  # its tag asks whether it is there: it always is
    with translation.override(language):
        pieces = _MARKED.split(template.render(Context({**dict(about), **blanks})))
    return tuple(pieces), tuple((place, pieces[place]) for place in range(1, len(pieces), 2))
