"""Allowed domains: read what a person typed, compare what a browser sent. PURE: the gateway uses it too."""

import ipaddress
import re
import unicodedata
from collections.abc import Sequence

import idna

_SOURCE = re.compile(
    r"""(?:[a-z][a-z0-9+.-]*:)?//         # a scheme, which a Referer may leave out
        (?:[^\s/?#@\\]*@)?                # userinfo, which is not the host whatever it says
        (\[[0-9a-f:.]+\]|[^\s/?#@\\:\[\]]+)
        (?::[0-9]*)?(?=[/?#]|\Z)          # a port""",
    re.IGNORECASE | re.VERBOSE,
)
"""What a URI says before its path, with the host as the one group (RFC 3986, section 3). Browsers read a backslash as a slash."""
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)\Z")


def gettext_noop(text: str) -> str:
    """Mark a text for translation, which is done elsewhere: this module imports no Django."""
    return text


class DomainError(ValueError):
    """An entry is no domain; `entry` is what was typed, `why` a sentence with a place for it, which forms translate."""

    def __init__(self, entry: str, why: str) -> None:
        self.entry, self.why = entry, why
        super().__init__(why % {"entry": entry})


def read_list(text: str) -> list[str]:
    """Return the domains in a comma-, space- or newline-separated text, each once, in the order typed. Raises DomainError."""
    found: dict[str, None] = {}
    for entry in re.split(r"[,\s]+", text):
        if entry:
            found[read(entry)] = None
    return list(found)


def read(entry: str) -> str:
    """Return one entry as it is stored: lower case, IDNA 2008 (UTS 46), with `*.` kept. Raises DomainError."""
    wildcard, rest = ("*.", entry[2:]) if entry.startswith("*.") else ("", entry)
    if "://" in rest or "/" in rest:
        raise DomainError(
            entry, gettext_noop("“%(entry)s” is an address: give the domain alone, without https:// and path.")
        )
    if "*" in rest:
        raise DomainError(entry, gettext_noop("“%(entry)s” has a * that is not the first label, as in *.example.com."))
    if re.search(r":\d*\Z", rest) and rest.count(":") == 1:
        raise DomainError(
            entry, gettext_noop("“%(entry)s” has a port: give the domain alone, every port of it is allowed.")
        )
    host = _canonical(rest)
    if host is None:
        raise DomainError(entry, gettext_noop("“%(entry)s” is not a domain name."))
    if wildcard and ("." not in host or _is_address(host)):
        raise DomainError(
            entry, gettext_noop("“%(entry)s” is too wide: a wildcard needs a domain such as *.example.com.")
        )
    if "." not in host and host != "localhost" and not _is_address(host):
        raise DomainError(entry, gettext_noop("“%(entry)s” is not a full domain name such as example.com."))
    return wildcard + host


def host_of(origin: str | None, referer: str | None) -> str | None:
    """Return the host that a request says it comes from: `Origin` first, else `Referer`; None for absent, `null` or broken."""
    found = _SOURCE.match(origin or referer or "")
    return _canonical(found[1]) if found else None


def is_allowed(host: str | None, allowed: tuple[str, ...]) -> bool:
    """Whether a host passes a list. An empty list lets everything pass; `*.example.com` is one or more labels below."""
    if not allowed:
        return True
    if host is None:
        return False
    return host in allowed or any(
        host.endswith(entry[1:]) if entry.startswith("*.") else host == entry for entry in allowed
    )


def common(first: Sequence[str], second: Sequence[str]) -> list[str] | None:
    """Return a list that lets pass what both lists let pass; None where that is nothing, as an empty list lets everything pass."""
    if not first or not second:
        return list(first or second)
    found = [entry for entry in first if is_within(entry, second)]
    found += [entry for entry in second if is_within(entry, first) and not is_within(entry, found)]
    return found or None


def is_within(entry: str, allowed: Sequence[str]) -> bool:
    """Whether a list lets pass everything that an entry does."""
    name = entry.removeprefix("*")
    return entry in allowed or any(each.startswith("*.") and name.endswith(each[1:]) for each in allowed)


_SCRIPTS = (
    {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"}, {"CJK", "HANGUL"}, {"ARABIC"}, {"HEBREW"}, {"THAI"}, {"DEVANAGARI"},
)  # fmt: skip
_EUROPEAN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-ßæœøþð")


def readable(domain: str) -> str:
    """Return a canonical domain as people write it: `münchen.example`, where its letters cannot be taken for others.

    A label of mixed scripts stays as it is (`xn--…`), and one of a script that looks like Latin, such as Cyrillic or Greek.
    """
    return ".".join(map(_readable_label, domain.split("."))) if "xn--" in domain else domain


def encoded(typed: str) -> str:
    """Return a domain, or labels of one, as it is kept (`xn--…`); empty where it cannot be one."""
    return _canonical(typed) or ""


def _readable_label(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        text = idna.decode(label)
    except (idna.IDNAError, UnicodeError):
        return label
    bare = {unicodedata.normalize("NFD", letter)[0] for letter in text}
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in text if letter not in "0123456789-"}
    return text if bare <= _EUROPEAN or any(scripts <= known for known in _SCRIPTS) else label


def _canonical(host: str) -> str | None:
    if host.startswith("[") or ":" in host:
        return _address(host.removeprefix("[").removesuffix("]")) if ":" in host else None
    name = host.removesuffix(".").lower()
    if name.replace(".", "").isdigit():
        return _address(name)
    try:
        name = idna.encode(name, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        if not name.isascii():
            return None
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.match(label) for label in labels):
        return None
    return name


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _is_address(host: str) -> bool:
    return _address(host) is not None
