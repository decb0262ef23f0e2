"""In which language a person reads: the one that they chose, else the one that their browser asks for.

Who is signed in has it in the account, so that mails speak it too; everybody else in a cookie of the device.
"""

import threading
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import trans_real

from dashboard.preferences import LASTS

GetResponse = Callable[[HttpRequest], HttpResponse]

LANGUAGES = dict(settings.LANGUAGES)
_MESSAGES_MAX: Final = 8192


def current() -> str:
    """Return the code of the language in which this request is answered."""
    return translation.get_language() or settings.LANGUAGE_CODE


def of(person: Any, *, otherwise: str = settings.LANGUAGE_CODE) -> str:
    """Return the language that a person has chosen, for what is written to them; `otherwise` for who has not, or is unknown."""
    chosen = getattr(person, "language", "")
    return chosen if chosen in LANGUAGES else otherwise


def chosen_by(request: HttpRequest) -> str:
    """Return the language that holds because somebody chose it: in the account, else on this device. Empty: the browser's."""
    kept = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    return of(getattr(request, "user", None), otherwise=kept if kept in LANGUAGES else "")


def tag() -> str:
    """Return the language as HTML names it: `en-GB`, `de`."""
    code, _, region = current().partition("-")
    return f"{code}-{region.upper()}" if region else code


def of_device(get_response: GetResponse) -> GetResponse:
    """Answer in the language of the cookie or of the browser; comes before what answers without the database."""
    _remember_messages()
    _remember_language_by_thread()

    def middleware(request: HttpRequest) -> HttpResponse:
        with translation.override(translation.get_language_from_request(request)):
            response = get_response(request)
            if response.get("Content-Type", "").startswith("text/html"):
                response.headers.setdefault("Content-Language", tag())
                patch_vary_headers(response, ["Accept-Language", "Cookie"])
        return response

    return middleware


@cache
def _remember_messages() -> None:
    """Let each language remember what it was asked for; once per process, however many applications there are in it.

    Django looks for a message in the catalogue of one app after the other, and for one that is English already in all of them
    twice: 6 µs a message, and a page has a thousand. What is asked for stands in the code, so there is an end to it.
    """
    for code in LANGUAGES:
        catalogue = trans_real.translation(code)
        catalogue.gettext = lru_cache(maxsize=_MESSAGES_MAX)(catalogue.gettext)  # type: ignore[method-assign]  # on purpose: this object only
        catalogue.ngettext = _remembering(catalogue.ngettext)  # type: ignore[method-assign,assignment]


@cache
def _remember_language_by_thread() -> None:
    """Keep which language is active by thread, which is all that a WSGI application needs.

    Django keeps it so that coroutines have one each; to ask for that takes 1.4 µs, and a page of keys asks six hundred times.
    """
    trans_real._active = threading.local()  # type: ignore[attr-defined]  # Django's own, and of one thread as before


def _remembering(ngettext: Callable[[str, str, int], str]) -> Callable[[str, str, int], str]:
    """Remember by the last two digits of larger numbers: no form of a plural in our languages looks at more."""
    remembered = lru_cache(maxsize=_MESSAGES_MAX)(ngettext)
    return lambda one, several, count: remembered(one, several, count if count < 200 else 100 + count % 100)


def of_person(get_response: GetResponse) -> GetResponse:
    """Answer who is signed in, in the language of their account; comes after it is known who asks."""

    def middleware(request: HttpRequest) -> HttpResponse:
        chosen = of(request.user, otherwise="")
        if not chosen:
            return get_response(request)
        with translation.override(chosen):
            response = get_response(request)
            if response.get("Content-Type", "").startswith("text/html"):
                response["Content-Language"] = tag()
        return response

    return middleware


def keep(response: HttpResponse, chosen: str) -> None:
    """Remember the language on this device for a year; empty is what the browser asks for, which holds without a cookie."""
    if not chosen:
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME, samesite="Lax")
        return
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        chosen,
        max_age=LASTS,
        samesite="Lax",
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
    )
