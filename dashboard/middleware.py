"""What holds for every request: an ID, sound addresses, no fragments of sign-in pages, no copies of private pages in the browser."""

import re
import uuid
from collections.abc import Callable
from typing import cast

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import escape_leading_slashes
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from dashboard import htmx, request_ids, views, waiting
from keys import tokens

GetResponse = Callable[[HttpRequest], HttpResponse]

HEADER_LENGTH = 8 * 1024
"""As much as proxies let pass, in bytes."""

_ACCEPTED = re.compile(r"[a-zA-Z0-9-]{1,100}\Z")
PASTED = _("That was a key. Search for its hint or ID instead, and keep the key secret.")


def request_id(get_response: GetResponse) -> GetResponse:
    """Take the `Tracking-ID` of the request or make one; audit events keep it, the answer repeats it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        given = request.headers.get("Tracking-ID", "")
        # The audit log keeps it, and never a key.
        tracking_id = given if _ACCEPTED.match(given) and not _holds_key(given) else str(uuid.uuid4())
        token = request_ids.request_id.set(tracking_id)
        try:
            response = get_response(request)
        finally:
            request_ids.request_id.reset(token)
        response["Tracking-ID"] = tracking_id
        return response

    return middleware


def _holds_key(text: str) -> bool:
    return next(tokens.find(text, settings.KEY_PREFIX), None) is not None


def busy(get_response: GetResponse) -> GetResponse:
    """Answer 503 to a request that waited too long for its turn; comes before anything that needs the database."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return views.too_busy(request) if waiting.TOO_LONG in request.META else get_response(request)

    return middleware


def health(get_response: GetResponse) -> GetResponse:
    """Answer /livez and /readyz before anything that needs the database, such as the session."""

    def middleware(request: HttpRequest) -> HttpResponse:
        is_safe = request.method in {"GET", "HEAD"}
        answer = {"/livez": views.livez, "/readyz": views.readyz}.get(request.path) if is_safe else None
        return answer(request) if answer else get_response(request)

    return middleware


def maintenance(get_response: GetResponse) -> GetResponse:
    """Answer 503 to everything while the file of maintenance is there; comes before anything that needs the database."""

    def middleware(request: HttpRequest) -> HttpResponse:
        try:
            said = settings.MAINTENANCE_PATH.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return get_response(request)
        return views.under_maintenance(request, said.strip()[:300])

    return middleware


def sound_headers(get_response: GetResponse) -> GetResponse:
    """Answer 431 to a header longer than HEADER_LENGTH, and refuse NUL in cookies, which the database cannot compare.

    Comes before anything reads cookies: for 200 KB of quotes Python before 3.11.10 takes a minute (CVE-2024-7592).
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        for name, value in request.META.items():
            if name.startswith(("HTTP_", "CONTENT_")) and len(value) > HEADER_LENGTH:
                return HttpResponse("A header of the request is too long.\n", content_type="text/plain", status=431)
        if any("\x00" in value for value in request.COOKIES.values()):
            raise BadRequest(gettext("The address has characters that mean nothing."))
        return get_response(request)

    return middleware


def sound_addresses(get_response: GetResponse) -> GetResponse:
    """Refuse addresses with NUL in them, which the database cannot compare, and take pasted keys out of addresses.

    A key in a query would be repeated in links, in `next=` of the sign-in page and in the browser's history.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if "\x00" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            raise BadRequest(gettext("The address has characters that mean nothing."))
        keys_in = [name for name, values in request.GET.lists() if _holds_key(" ".join([name, *values]))]
        if keys_in and request.method == "GET" and not request.path.startswith("/admin/"):  # which does this itself
            query = request.GET.copy()
            for name in keys_in:
                del query[name]
            messages.warning(request, PASTED)
            path = escape_leading_slashes(request.path)  # //x.example/ would be another site
            return HttpResponseRedirect(f"{path}?{query.urlencode()}" if query else path)
        return get_response(request)

    return middleware


def htmx_redirects(get_response: GetResponse) -> GetResponse:
    """Turn redirects of htmx requests into a full navigation, so that no page lands inside a fragment."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return htmx.navigate(cast(htmx.HtmxRequest, request), get_response(request))

    return middleware


def private_pages(get_response: GetResponse) -> GetResponse:
    """Forbid every cache to keep what a signed-in person saw."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if response.get("Cache-Control", "").startswith("public"):
            return response  # the provider's colour and logo, the same for everybody
        if request.user.is_authenticated or "Cache-Control" not in response:
            response["Cache-Control"] = "no-store, private"
        return response

    return middleware
