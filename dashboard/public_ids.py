"""Public identifiers: what URLs, logs and people use instead of database keys. PURE."""

import re
import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U, so that an ID survives being read out and typed again."""

LENGTH = 16
_CONFUSABLE = str.maketrans({"O": "0", "I": "1", "L": "1", "U": "V"})


def make(prefix: str) -> str:
    """Return a new ID such as `key_7F3K9M2QX4TB8WNE`: 80 random bits."""
    return f"{prefix}_{''.join(secrets.choice(ALPHABET) for _ in range(LENGTH))}"


def normalise(text: str, prefix: str) -> str | None:
    """Return the ID that a person meant, or None when the text is no ID of that kind.

    Case, spaces and hyphens do not matter, and O, I, L, U are read as the 0, 1, 1, V they are mistaken for. The prefix may be
    missing.
    """
    body = re.sub(r"[\s-]", "", text).upper()
    head = f"{prefix}_".upper()
    body = body.removeprefix(head).translate(_CONFUSABLE)
    if len(body) == LENGTH and all(letter in ALPHABET for letter in body):
        return f"{prefix}_{body}"
    return None
