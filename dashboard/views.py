"""Home, health and errors."""

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string

from accounts.requests import PersonRequest
from dashboard import mail
from dashboard.request_ids import current_request_id


def home(request: PersonRequest) -> HttpResponse:
    """Send each person to where their work is."""
    if not request.user.is_authenticated:
        return redirect("account_login")
    if request.user.is_staff and not request.memberships:  # a view as a customer counts as one
        return redirect("support:search")
    return redirect("keys:list")


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


def broken(request: HttpRequest) -> HttpResponse:
    """Answer 500 with what finds the failure in the log; needs neither the database nor a context processor."""
    return HttpResponse(render_to_string("500.html", {"tracking_id": current_request_id()}), status=500)


def under_maintenance(said: str) -> HttpResponse:
    """Answer 503 with what the provider says, if anything; needs neither the database nor a context processor."""
    page = render_to_string("503.html", {"said": said, "support_email": settings.SUPPORT_EMAIL})
    return HttpResponse(page, status=503, headers={"Retry-After": "300", "Cache-Control": "no-store"})
