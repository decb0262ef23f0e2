"""Ask again who it is, before what a thief of an open session would do."""

import functools
import time
from collections.abc import Callable
from typing import Any, Final, cast
from urllib.parse import urlencode, urlsplit, urlunsplit

from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.core.exceptions import ReauthenticationRequired
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from accounts.models import Sensitive, User
from accounts.requests import MemberRequest, PersonRequest
from dashboard import htmx
from keys import pasted

View = Callable[..., HttpResponse]


AT_PROVIDER: Final = "single_sign_on"
"""The way to confirm of who has neither password nor factor here."""
_SAID_BY_PROVIDER: Final = "signed_in_at_provider"


def is_recent(request: PersonRequest) -> bool:
    """Whether the person signed in, or confirmed that it is them, within the time of the settings, in this session.

    Who came by single sign-on may not have been asked for anything: for them counts when the provider asked.
    """
    records = get_authentication_records(request, request.user)
    return any(
        is_recent_at_provider(request, record["uid"])
        if record["method"] == "socialaccount"
        else _is_recent(record["at"])
        for record in records
    )


def note_provider_sign_in(request: HttpRequest, uid: str, auth_time: object) -> None:
    """Keep in the session when the provider asked its person, in seconds since 1970; without a sound time, that it said none."""
    at = 0.0 if isinstance(auth_time, bool) or not isinstance(auth_time, int | float) else min(auth_time, time.time())
    request.session[_SAID_BY_PROVIDER] = {"uid": uid, "at": at}


def is_recent_at_provider(request: HttpRequest, uid: str) -> bool:
    """Whether the provider said, last of all in this session, that it asked this person of its within the time of the settings."""
    noted = request.session.get(_SAID_BY_PROVIDER, {})
    return noted.get("uid") == uid and _is_recent(noted["at"])


def _is_recent(at: float) -> bool:
    return time.time() - at < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT


def confirms_here(person: User) -> bool:
    """Whether a person has a password or a factor here to confirm with; allauth asks nobody else."""
    return person.has_usable_password() or Authenticator.objects.filter(user=person).exists()


def ask_again(request: MemberRequest, action: Sensitive, *, back: str = "") -> HttpResponse | None:
    """Answer with the way to confirm that it is them where the organisation wants that, else with None.

    `back` is where the person goes on afterwards; without it, the address of the action, whose GET shows it again.
    """
    if action not in request.organization.asks_again_for or is_recent(request):
        return None
    return confirm(request, back=back or request.get_full_path())


def asks_again(action: Sensitive) -> Callable[[View], View]:
    """Make a view ask again, where the organisation wants that, before it shows or does anything."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def asking(request: MemberRequest, *args: str, **kwargs: str) -> HttpResponse:
            asked = ask_again(request, action)
            return view(request, *args, **kwargs) if asked is None else asked

        return asking

    return decorate


def confirm(request: PersonRequest, *, back: str) -> HttpResponse:
    """Lead to the page that asks again; a script that asked for JSON is told its address.

    Who has nothing to confirm with is left the mail that sets a password. Who sent a form and confirms at a provider follows a
    link there: browsers hold `form-action` of the content security policy against redirects too, and would stay where they are.
    """
    methods = get_adapter(request).get_reauthentication_methods(request.user)
    page = methods[0]["url"] if methods else resolve_url("account_reset_password")
    address = f"{page}?{urlencode({'next': back})}"
    if "application/json" in request.headers.get("Accept", ""):
        return JsonResponse({"detail": _("Confirm that it is you first."), "confirm": address}, status=403)
    is_elsewhere = bool(methods) and methods[0]["id"] == AT_PROVIDER
    if is_elsewhere and request.method == "POST" and not htmx.wants_fragment(cast(htmx.HtmxRequest, request)):
        context = {"address": address, "company": settings.OIDC_NAME}
        return render(request, "account/confirm_at_company.html", context, status=403)
    return HttpResponseRedirect(address)


def sets_no_key_aside(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Let allauth, which asks who it is, keep in the session what was sent for afterwards, unless there is a key in it.

    Comes after allauth's middleware. Who sent a key comes back to the empty form.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    def process_exception(request: Any, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, ReauthenticationRequired):
            return None
        sent = (*(text for _name, texts in request.POST.lists() for text in texts), *request.META.values())
        if any(isinstance(text, str) and pasted.holds_key(text) for text in sent):
            return confirm(request, back=request.path)
        return None

    middleware.process_exception = process_exception  # type: ignore[attr-defined]  # Django looks for it there
    return middleware


def page_of(request: PersonRequest, *, otherwise: str) -> str:
    """Return the page of this site on which the person acted, as the browser says."""
    said = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(said, allowed_hosts={request.get_host()}):
        return otherwise
    page = urlsplit(said)
    return urlunsplit(("", "", page.path, page.query, "")) or otherwise
