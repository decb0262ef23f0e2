"""Home, health and errors."""

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext

from accounts.requests import PersonRequest
from dashboard import htmx, languages, mail, palette, preferences
from dashboard.preferences import Theme
from dashboard.request_ids import current_request_id
from keys.pasted import holds_key


def home(request: PersonRequest) -> HttpResponse:
    """Send each person to where their work is."""
    if not request.user.is_authenticated:
        return redirect("account_login")
    if request.user.is_staff and not request.memberships:  # a view as a customer counts as one
        return redirect("support:search")
    return redirect("keys:list")


def choose_theme(request: htmx.HtmxRequest) -> HttpResponse:
    """Remember light, dark or the system's colours, and stay on the page."""
    chosen = request.POST.get("theme", "")
    if chosen not in preferences.THEMES:
        raise BadRequest(gettext("There is no such theme."))
    if htmx.wants_fragment(request):
        response = render(request, "components/_theme.html", {"theme": Theme(chosen)})
        htmx.announce(response, theme=chosen)
    else:
        response = HttpResponseRedirect(_page_before(request))
    preferences.keep_theme(response, Theme(chosen))
    return response


def choose_language(request: PersonRequest) -> HttpResponse:
    """Remember the language, of whoever is signed in also for mails, and stay on the page. Empty: as the browser asks."""
    chosen = request.POST.get("language")
    if chosen is None or (chosen and chosen not in languages.LANGUAGES):
        raise BadRequest(gettext("There is no such language."))
    if request.user.is_authenticated:
        request.user.choose_language(chosen)
    response = HttpResponseRedirect(_page_before(request))
    languages.keep(response, chosen)
    return response


def _page_before(request: HttpRequest) -> str:
    """Return the page of ours that the form stood on, else the home page."""
    page = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure())
    return page if is_ours else reverse("home")


def find(request: PersonRequest) -> HttpResponse:
    """Show what a text finds: in the dialog the command palette, without scripts a page."""
    query = request.GET.get("q", "")
    if holds_key(query):
        text = gettext("That looked like a key. Search for its hint or ID instead, and keep the key secret.")
        messages.warning(request, text)
        return redirect("find")
    context = {"query": query, "groups": palette.find(request, query, htmx.page_of(request))}
    return htmx.render(request, "dashboard/find.html", "found" if "q" in request.GET else "dialog", context)


def shortcuts(request: PersonRequest) -> HttpResponse:
    """List the keyboard shortcuts; POST turns single keys on or off for this device."""
    if request.method == "POST":
        response = HttpResponseRedirect(_page_before(request))
        preferences.keep_single_keys(response, on=request.POST.get("single_keys") == "on")
        return response
    return htmx.render(request, "dashboard/shortcuts.html", "dialog", {"places": palette.shortcuts(request)})


def livez(request: HttpRequest) -> HttpResponse:
    """Say that the process runs."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether the database answers; 503 while it does not."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return HttpResponse("the database does not answer\n", content_type="text/plain", status=503)
    return HttpResponse("ok\n", content_type="text/plain")


def development_mail(request: HttpRequest) -> HttpResponse:
    """Show the last mails, in development only."""
    if not settings.DEVELOPMENT:
        raise Http404
    return render(request, "dashboard/mail.html", {"mails": mail.latest()})


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404 without saying whether the thing exists."""
    return render(request, "404.html", status=404)


def malformed(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400."""
    return _bare(request, "400.html", status=400)


def broken(request: HttpRequest) -> HttpResponse:
    """Answer 500 with what finds the failure in the log."""
    return _bare(request, "500.html", status=500, tracking_id=current_request_id())


def under_maintenance(request: HttpRequest, said: str) -> HttpResponse:
    """Answer 503 with what the provider says, if anything."""
    return _come_again(_bare(request, "503.html", status=503, said=said), in_seconds=300)


def too_busy(request: HttpRequest) -> HttpResponse:
    """Answer 503 to whom the process cannot serve now."""
    return _come_again(_bare(request, "503_busy.html", status=503), in_seconds=10)


def _come_again(response: HttpResponse, *, in_seconds: int) -> HttpResponse:
    response["Retry-After"], response["Cache-Control"] = str(in_seconds), "no-store"
    return response


def _bare(request: HttpRequest, template: str, *, status: int, **context: str) -> HttpResponse:
    """Answer with a page that needs neither the database nor a context processor, in the colours of the device."""
    known = {"theme": preferences.theme(request), "support_email": settings.SUPPORT_EMAIL}
    return HttpResponse(render_to_string(template, known | context), status=status)
