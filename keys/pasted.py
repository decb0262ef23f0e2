"""Keys where they do not belong: pasted into a search or a reason. They are recognised, never used, kept or shown again."""

import re

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from keys import tokens

TYPO_SLACK = 6
"""A run of letters that begins like a key and lacks at most so many of them is taken for a key with a typo."""

ADVICE = _("Use the ID or the hint. Whoever sent the key has exposed it and should rotate it.")


def holds_key(text: str) -> bool:
    """Whether a text holds a key, also broken over lines, or what is nearly one."""
    joined = re.sub(r"\s+", "", text)
    prefix = settings.KEY_PREFIX
    length = len(prefix) + tokens.TAIL_LENGTH
    starts = (match.start() for match in re.finditer(f"(?={re.escape(prefix)})", joined))
    if any(tokens.is_well_formed(joined[start : start + length], prefix) for start in starts):
        return True
    nearly = rf"\b{re.escape(prefix)}[0-9A-Za-z]{{{tokens.TAIL_LENGTH - TYPO_SLACK},}}"
    return re.search(nearly, text) is not None


def without_keys(text: str) -> str:
    """Return a text with each key in it, also one with a typo, cut down to how all keys begin. For the log."""
    prefix = settings.KEY_PREFIX
    if prefix not in text:
        return text
    return re.sub(rf"{re.escape(prefix)}[0-9A-Za-z]{{{tokens.TAIL_LENGTH - TYPO_SLACK},}}", f"{prefix}…", text)


def refuse_key(text: str) -> None:
    """Refuse a text with a key in it; the message does not repeat it. For the validators of a form's field."""
    if holds_key(text):
        said = gettext("This holds a key, which must not be kept here.")
        raise ValidationError(f"{said} {ADVICE}")
