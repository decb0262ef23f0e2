"""What holds for every request: an ID, no fragments of sign-in pages, no copies of private pages in the browser."""

import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from typing import cast

from django.http import HttpRequest, HttpResponse

from dashboard import htmx

GetResponse = Callable[[HttpRequest], HttpResponse]

_request_id: ContextVar[str] = ContextVar("request_id", default="")
_ACCEPTED = re.compile(r"[a-zA-Z0-9-]{1,100}\Z")


def current_request_id() -> str:
    """Return the ID of the request being answered, empty outside one."""
    return _request_id.get()


def request_id(get_response: GetResponse) -> GetResponse:
    """Take the `Tracking-ID` of the request or make one; audit events keep it, the answer repeats it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        given = request.headers.get("Tracking-ID", "")
        tracking_id = given if _ACCEPTED.match(given) else str(uuid.uuid4())
        token = _request_id.set(tracking_id)
        try:
            response = get_response(request)
        finally:
            _request_id.reset(token)
        response["Tracking-ID"] = tracking_id
        return response

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
        if request.user.is_authenticated or "Cache-Control" not in response:
            response["Cache-Control"] = "no-store, private"
        return response

    return middleware
