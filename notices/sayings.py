"""What a notice's context says in words of ours: kept as a code or in English, said in the language of whoever reads."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext, pgettext_lazy

Saying = dict[str, Any]

_WORDS = {
    "actor": {"The provider": pgettext_lazy("in a notice", "The provider")},
    "decision": {
        "approved": pgettext_lazy("in a notice", "approved"),
        "rejected": pgettext_lazy("in a notice", "rejected"),
    },
    "scope": {"All keys": pgettext_lazy("in a notice", "All keys")},
}
"""Values of a context, by its name there. Others are what people wrote."""

_TELLERS: dict[str, Callable[[Any], str]] = {}


def register(name: str, teller: Callable[[Any], str]) -> None:
    """Have values of that name, also at the end of a longer one, said by a function of the room that knows them."""
    _TELLERS[name] = teller


def saying(text: str, **values: str) -> Saying:
    """Return a sentence for a notice's context: `text` is marked with gettext_noop and names its values as `%(name)s`."""
    return {"text": text, "values": values}


def say(name: str, value: Any) -> Any:
    """Return a value of a context as its reader reads it. What was written before there were sayings is text already."""
    if isinstance(value, dict) and "text" in value:
        return gettext(value["text"]) % {each: say(each, word) for each, word in value["values"].items()}
    teller = _TELLERS.get(name.rpartition("_")[2])
    if teller and isinstance(value, str | dict):
        return teller(value)
    return str(_WORDS[name][value]) if value in _WORDS.get(name, ()) else value
