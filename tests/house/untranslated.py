"""Finds text in templates that people see and no translation reaches."""

import re
from pathlib import Path

_UNREAD = re.compile(
    r"{#.*?#}|{%\s*comment\b.*?{%\s*endcomment\s*%}|<style>.*?</style>|{% block bodyclass %}.*?{% endblock", re.S
)
_BLOCK = re.compile(r"{%\s*blocktranslate\b.*?{%\s*endblocktranslate\s*%}", re.S)
_TRANSLATE = re.compile(r"{%\s*translate\b.*?%}", re.S)
_TAG = re.compile(r"{%(.*?)%}", re.S)
_LITERAL = re.compile(r'"([^"]*)"')
_VARIABLE = re.compile(r"{{(.*?)}}", re.S)
_ELEMENT = re.compile(r"<!?/?[a-zA-Z][^<>]*>")
_SEEN = re.compile(r'\s(?:aria-label|aria-description|title|placeholder|alt|label|data-[a-z-]+)="([^"]*)"')
_SAME = {"CSV", "JSON", "QPS"}
"""What every language calls so."""
_WORD = re.compile(r"[A-Za-zÄÖÜäöüß]{2,}")
_SENTENCE = re.compile(r"[A-Za-z]{2,}.* .*[A-Za-z]|^[A-Z][a-z]+$")
_ATTRIBUTES = re.compile(r'^ ?data-[a-z]+="[a-z]+"$', re.M)  # of an element that stands in the base template
_ENTITY = re.compile(r"&[a-z]+;")


def untranslated(path: Path) -> list[str]:
    """Return the words of a template that stand outside of `translate` and `blocktranslate`: in text, in attributes that
    are read, and as phrases in arguments of tags."""
    text = path.read_text()
    for pattern in (_UNREAD, _BLOCK, _TRANSLATE):
        text = pattern.sub("", text)
    found = [literal for tag in (*_TAG.findall(text), *_VARIABLE.findall(text)) for literal in _phrases(tag)]
    text = _ATTRIBUTES.sub("", _VARIABLE.sub("", _TAG.sub("", text)))
    for value in _SEEN.findall(" ".join(_ELEMENT.findall(text))):
        is_data = not _SENTENCE.search(value)
        if _WORD.search(value) and not (is_data and value.islower()):
            found.append(value)
    text = _ENTITY.sub("", _ELEMENT.sub("\n", text))
    lines = [line.strip() for line in text.splitlines() if _WORD.search(line)]
    return [*found, *(line for line in lines if line not in _SAME)]


def _phrases(tag: str) -> list[str]:
    """Return the arguments of a tag that read like words of a page, such as `with heading="All keys"`."""
    return [literal for literal in _LITERAL.findall(tag) if _SENTENCE.search(literal) and "/" not in literal]
