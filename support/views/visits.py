"""View the dashboard as a customer sees it."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from accounts import visits
from accounts.requests import PersonRequest
from dashboard import htmx
from support import find


def view_as(request: PersonRequest, customer_id: str) -> HttpResponse:
    """Say what a visit is, and begin it."""
    customer = find.organization(customer_id)
    if request.method == "POST":
        visits.begin(request, customer)
        return redirect("keys:list")
    minutes = int(visits.LASTS.total_seconds() // 60)
    context = {"tab": "support", "customer": customer, "minutes": minutes}
    return htmx.render(request, "support/view_as.html", "dialog", context)


def end_visit(request: PersonRequest) -> HttpResponse:
    """Be oneself again. Without a visit there is nothing to end."""
    if request.visit is None:
        messages.info(request, _("You view nobody's dashboard."))
        return redirect("support:search")
    visits.end(request, request.visit, why="")
    return redirect("support:organization", request.visit.organization.public_id)
