"""Devices in words, and whether a person has signed in on one before.

A browser keeps a signed cookie with a mark for each person who signed in there; see docs/decisions/0033-new-devices.md.
"""

import re

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.http import HttpRequest, HttpResponseBase
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import User

COOKIE = "latchkey_devices"
COOKIE_AGE_SECONDS = 365 * 24 * 3600
PEOPLE_PER_DEVICE = 10
READ_LENGTH = 300
"""So much of what a browser says of itself is read: looking through a header of 200 KB would take half a minute."""
SOME, UNKNOWN, SERVER = gettext_noop("A browser"), gettext_noop("An unknown browser"), gettext_noop("the server")
_SIGNER = Signer(salt="accounts.signin.devices")

# The first that matches wins: browsers name each other in what they send.
_PROGRAMS = (
    ("Edge", r"\bEdg(e|A|iOS)?/"),
    ("Opera", r"\bOPR/"),
    ("Samsung Internet", r"\bSamsungBrowser/"),
    ("Firefox", r"\b(Firefox|FxiOS)/"),
    ("Chrome", r"\b(HeadlessChrome|Chrome|CriOS|Chromium)/"),
    ("Safari", r"\bVersion/\S+ .*\bSafari/"),
    ("curl", r"^curl/"),
)
_SYSTEMS = (
    ("iPhone", r"\biPhone\b"),
    ("iPad", r"\biPad\b"),
    ("Android", r"\bAndroid\b"),
    ("Windows", r"\bWindows\b"),
    ("macOS", r"\bMac OS X\b|\bMacintosh\b"),
    ("ChromeOS", r"\bCrOS\b"),
    ("Linux", r"\bLinux\b|\bX11\b"),
)


def in_words(user_agent: str) -> str:
    """Return what a browser says of itself as a person would say it: “Firefox on Windows”. `said` puts it in other languages."""
    program = _first(_PROGRAMS, user_agent[:READ_LENGTH])
    system = _first(_SYSTEMS, user_agent[:READ_LENGTH])
    if program and system:
        return f"{program} on {system}"
    return program or (f"{SOME} on {system}" if system else UNKNOWN)


def said(device: str) -> str:
    """Return what `in_words` made, and the log keeps, in the reader's language."""
    program, on, system = device.partition(" on ")
    if on and system in dict(_SYSTEMS) and program in {SOME, *dict(_PROGRAMS)}:
        return _("%(program)s on %(system)s") % {
            "program": _(program) if program == SOME else program,
            "system": system,
        }
    return _(device) if device in {UNKNOWN, SERVER} else device


def _first(kinds: tuple[tuple[str, str], ...], text: str) -> str:
    return next((name for name, pattern in kinds if re.search(pattern, text)), "")


def is_known(request: HttpRequest, person: User) -> bool:
    """Whether the person has signed in with this browser before."""
    return _mark(person) in _marks(request)


def remember(request: HttpRequest, person: User, response: HttpResponseBase) -> None:
    """Have the browser remember that the person signed in there."""
    marks = [_mark(person), *(mark for mark in _marks(request) if mark != _mark(person))]
    response.set_cookie(
        COOKIE,
        _SIGNER.sign(".".join(marks[:PEOPLE_PER_DEVICE])),
        max_age=COOKIE_AGE_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _marks(request: HttpRequest) -> list[str]:
    try:
        return _SIGNER.unsign(request.COOKIES.get(COOKIE, "")).split(".")
    except BadSignature:
        return []


def _mark(person: User) -> str:
    return salted_hmac("accounts.signin.devices", str(person.pk), algorithm="sha256").hexdigest()[:32]
