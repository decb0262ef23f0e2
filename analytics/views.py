"""The pages of the tab Analytics: usage, QPS breaches, errors, and their CSV."""

import hashlib
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from accounts.requests import MemberRequest
from accounts.views.answers import Question, ask, done
from analytics import export, queries, rebuild, report, statement
from analytics.filters import RANGES, VIEWS, Filters, View
from analytics.forms import FilterForm, ZoneForm
from dashboard import brand, htmx
from keys.views.answers import acts

PAGE = "analytics/page.html"
STATEMENT = "analytics/statement.html"


def usage(request: MemberRequest) -> HttpResponse:
    """Show requests over time, peaks against limits, by product and by key."""
    return _page(request, "usage")


def breaches(request: MemberRequest) -> HttpResponse:
    """Show requests over their QPS limit, by key and product."""
    return _page(request, "breaches")


def errors(request: MemberRequest) -> HttpResponse:
    """Show 4XX and 5XX over time and why requests failed."""
    return _page(request, "errors")


def callers(request: MemberRequest) -> HttpResponse:
    """Show from which domains, networks and clients requests come, as far as the request log tells."""
    return _page(request, "callers")


def csv(request: MemberRequest) -> HttpResponseBase:
    """Send the rows of a page as CSV, line by line; a wrong filter is shown as on the page."""
    return _sheet(request, "csv", "text/csv; charset=utf-8")


def json(request: MemberRequest) -> HttpResponseBase:
    """Send the same rows as JSON."""
    return _sheet(request, "json", "application/json")


def _sheet(request: MemberRequest, suffix: str, content_type: str) -> HttpResponseBase:
    form = _form(request)
    try:
        view, by_key = form.asked_view(), form.asks_for_keys()
    except ValidationError as error:
        return HttpResponse(error.message, content_type="text/plain", status=422)
    if not form.is_valid():
        return htmx.render(request, PAGE, "analytics", _context(request, form, view), status=422)
    filters = form.filters(view)
    found = export.sheet(filters, by_key=by_key)
    lines = export.csv_lines(found) if suffix == "csv" else export.json_lines(filters, found)
    response = StreamingHttpResponse(export.gathered(lines), content_type=content_type)
    name = export.file_name(filters, by_key=by_key, suffix=suffix)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def time_zone(request: MemberRequest) -> HttpResponse:
    """Change in which zone the organisation's hours and days begin."""
    organization = request.organization
    form = ZoneForm(request.POST or None, organization=organization, initial={"time_zone": organization.time_zone})

    def verb() -> None:
        rebuild.change_time_zone(organization, form.cleaned_data["time_zone"], by=request.user, counts_now=False)

    if acts(form, request, verb):
        message = gettext("The time zone is %(zone)s. Analytics count its days anew within a few minutes.")
        message %= {"zone": organization.time_zone}
        return done(request, message, "accounts:settings", organization.public_id)
    sentences = (
        gettext(
            "Hours and days of Analytics, of files and of the statement begin in this zone, and times are shown in it."
        ),
        gettext("The last 35 days are counted anew; days before stand as they were."),
    )
    back = reverse("accounts:settings", args=[organization.public_id])
    return ask(request, Question(gettext("Time zone"), gettext("Save"), back, sentences), form)


def monthly_statement(request: MemberRequest) -> HttpResponse:
    """Show a month per key and product, to be printed."""
    today = timezone.now().astimezone(request.organization.zone).date()
    context: dict[str, Any] = {"tab": "analytics"}
    try:
        month = statement.read_month(request.GET.get("month", ""), today)
    except ValidationError as error:
        return htmx.render(request, STATEMENT, "statement", context | {"error": error.message}, status=422)
    made = statement.make(request.organization, month, today)
    context |= {"statement": made, "freshness": queries.freshness(timezone.now())}
    return htmx.render(request, STATEMENT, "statement", context)


def statement_csv(request: MemberRequest) -> HttpResponseBase:
    """Send a month per key and product as CSV."""
    today = timezone.now().astimezone(request.organization.zone).date()
    try:
        month = statement.read_month(request.GET.get("month", ""), today)
    except ValidationError as error:
        return HttpResponse(error.message, content_type="text/plain", status=422)
    lines = export.csv_lines(statement.sheet(request.organization, month))
    response = StreamingHttpResponse(export.gathered(lines), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{brand.file_prefix()}-statement-{month:%Y-%m}.csv"'
    return response


def _page(request: MemberRequest, view: View) -> HttpResponse:
    form = _form(request)
    if not form.is_valid():
        return htmx.render(request, PAGE, "analytics", _context(request, form, view), status=422)
    filters = form.filters(view)
    made = report.make(filters)
    figures = render_to_string("analytics/_figures.html", {"filters": filters, "report": made}, request)
    seen = hashlib.blake2b(figures.encode(), digest_size=8).hexdigest()
    shown = {
        "figures": figures,
        "freshness": queries.freshness(filters.period.now, gap_until=made.gap_until),
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
    keys, is_cut = queries.key_options(request.organization, filters.keys if filters else ())
    return {
        "tab": "analytics",
        "view": view,
        "views": [
            (name, words, filters.url(name) if filters else f"analytics:{name}") for name, words in VIEWS.items()
        ],
        "form": form,
        "chosen": form.chosen(filters),
        "ranges": RANGES.items(),
        "steps": form.steps(filters),
        "show_note": form.show_note(filters),
        "key_options": keys,
        "is_cut": is_cut,
        "zone_change": rebuild.latest_change(request.organization),
    }
