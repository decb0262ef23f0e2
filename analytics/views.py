"""The pages of the tab Analytics: usage, QPS breaches, errors, and their CSV."""

import hashlib
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.requests import MemberRequest
from analytics import export, queries, report
from analytics.filters import RANGES, VIEWS, Filters, View
from analytics.forms import FilterForm
from dashboard import htmx

PAGE = "analytics/page.html"


def usage(request: MemberRequest) -> HttpResponse:
    """Show requests over time, peaks against limits, by product and by key."""
    return _page(request, "usage")


def breaches(request: MemberRequest) -> HttpResponse:
    """Show requests over their QPS limit, by key and product."""
    return _page(request, "breaches")


def errors(request: MemberRequest) -> HttpResponse:
    """Show 4XX and 5XX over time and why requests failed."""
    return _page(request, "errors")


def csv(request: MemberRequest) -> HttpResponseBase:
    """Send the rows of a page as CSV, line by line; a wrong filter is shown as on the page."""
    form = _form(request)
    try:
        view = form.asked_view()
    except ValidationError as error:
        return HttpResponse(error.message, content_type="text/plain", status=422)
    if not form.is_valid():
        return htmx.render(request, PAGE, "analytics", _context(request, form, view), status=422)
    filters = form.filters(view)
    response = StreamingHttpResponse(export.lines(filters), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{export.file_name(filters)}"'
    return response


def _page(request: MemberRequest, view: View) -> HttpResponse:
    form = _form(request)
    if not form.is_valid():
        return htmx.render(request, PAGE, "analytics", _context(request, form, view), status=422)
    filters = form.filters(view)
    figures = render_to_string("analytics/_figures.html", {"filters": filters, "report": report.make(filters)}, request)
    seen = hashlib.blake2b(figures.encode(), digest_size=8).hexdigest()
    shown = {
        "figures": figures,
        "freshness": queries.freshness(filters.period.now, period=filters.period),
        "filters": filters,
        "poll_url": filters.url(seen=seen) if filters.period.includes_now else "",
    }
    if "seen" in request.GET and htmx.wants_fragment(request):
        return _refreshed(request, shown, is_same=request.GET["seen"] == seen)
    response = htmx.render(request, PAGE, "analytics", _context(request, form, view, filters) | shown)
    return htmx.remember(response, filters.url())


def _refreshed(request: MemberRequest, shown: dict[str, Any], *, is_same: bool) -> HttpResponse:
    """Answer a page that asks again: how old the figures are, and the figures only if they changed."""
    response = htmx.render(request, PAGE, "refreshed", shown | {"is_poll": True, "is_same": is_same})
    return htmx.swap(response, "#figures", "none") if is_same else response


def _form(request: MemberRequest) -> FilterForm:
    return FilterForm(request.GET, organization=request.organization, now=timezone.now())


def _context(request: MemberRequest, form: FilterForm, view: View, filters: Filters | None = None) -> dict[str, Any]:
    keys, is_cut = queries.key_options(request.organization, filters.key if filters else None)
    return {
        "tab": "analytics",
        "view": view,
        "views": [
            (name, words, filters.url(name) if filters else f"analytics:{name}") for name, words in VIEWS.items()
        ],
        "form": form,
        "chosen": form.chosen(filters),
        "ranges": RANGES.items(),
        "key_options": keys,
        "is_cut": is_cut,
    }
