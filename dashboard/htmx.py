"""The only module that knows about htmx: which fragment is sent, where it goes, what else happens in the page."""

import json
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render as render_page
from django.shortcuts import resolve_url
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect, push_url, reswap, retarget
from django_htmx.middleware import HtmxDetails


class HtmxRequest(HttpRequest):
    """A request that passed htmx's middleware."""

    htmx: HtmxDetails


def wants_fragment(request: HtmxRequest) -> bool:
    """Whether the answer is swapped into a page; a restored history entry wants the whole page."""
    return bool(request.htmx) and not request.htmx.history_restore_request


def render(
    request: HtmxRequest, template: str, fragment: str, context: dict[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """Answer with the page, or with its named fragment where htmx asks."""
    name = f"{template}#{fragment}" if wants_fragment(request) else template
    response = render_page(request, name, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def comes_from(request: HtmxRequest, path: str) -> bool:
    """Whether the htmx request was made on the page with this path."""
    return wants_fragment(request) and _current(request).path == path


def page_of(request: HtmxRequest) -> str:
    """Return the path of the page that the htmx request was made on; empty where it was not made by htmx."""
    return _current(request).path if wants_fragment(request) else ""


def swap(response: HttpResponse, target: str, how: str = "outerHTML") -> HttpResponse:
    """Send a fragment to another element than the one that asked."""
    return reswap(retarget(response, target), how)  # type: ignore[arg-type]


def remember(response: HttpResponse, url: str) -> HttpResponse:
    """Have the browser's address bar and history show this address for what was swapped in."""
    return push_url(response, url)


def announce(response: HttpResponse, message: str = "", **events: Any) -> HttpResponse:
    """Have the page show a toast and raise events once the answer is swapped in."""
    if message:
        events["toast"] = message
    response["HX-Trigger"] = json.dumps(events)
    return response


def navigate(request: HtmxRequest, response: HttpResponse) -> HttpResponse:
    """Turn a redirect into a navigation of the whole page when htmx asked; sign-in returns to the page, not to the fragment.

    A form that is sent after the session has ended gets a 401 instead: the page stays, with what was typed, and says why.
    """
    if not request.htmx or not 300 <= response.status_code < 400 or "Location" not in response:
        return response
    location = response["Location"]
    sign_in = resolve_url(settings.LOGIN_URL)
    if location.startswith(f"{sign_in}?"):  # not the redirect after signing out, which returns to nothing
        if request.method not in {"GET", "HEAD"}:
            return HttpResponse(status=401)
        page = _current(request)
        back = urlunsplit(("", "", page.path or "/", page.query, ""))
        location = f"{sign_in}?{urlencode({'next': back})}"
    moved = HttpResponseClientRedirect(location)
    moved.status_code = 204
    moved.cookies = response.cookies
    return moved


def _current(request: HtmxRequest) -> SplitResult:
    """Return the address of the page that asks, as far as what the browser says can be read."""
    try:
        return urlsplit(request.htmx.current_url or "/")
    except ValueError:  # such as http://[
        return urlsplit("/")
