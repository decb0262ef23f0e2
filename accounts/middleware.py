"""Which organisation a request is about."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

SESSION_KEY = "organization"


def organization(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Set `request.memberships`, `request.membership` and `request.organization`, read anew for every request.

    A person with several organisations works in the one chosen last, or in the one that the address names; rights that
    end are gone with the next request.
    """

    def middleware(request: Any) -> HttpResponse:
        request.memberships, request.membership, request.organization = [], None, None
        if request.user.is_authenticated:
            request.memberships = list(request.user.memberships.kept())
            chosen = request.session.get(SESSION_KEY)
            found = [m for m in request.memberships if m.organization.public_id == chosen] or request.memberships
            if found:
                request.membership, request.organization = found[0], found[0].organization
        zone = request.organization.zone if request.organization else None
        with timezone.override(zone):  # times that people type are those of their organisation
            return get_response(request)

    return middleware


def enter(request: Any, organization_id: str) -> bool:
    """Make the request about the organisation that the address names; False when the person is no member of it."""
    found = next((m for m in request.memberships if m.organization.public_id == organization_id), None)
    if found is None:
        return False
    request.membership, request.organization = found, found.organization
    timezone.activate(found.organization.zone)
    return True


def stay(request: Any) -> None:
    """Work in the request's organisation from now on."""
    if request.session.get(SESSION_KEY) != request.organization.public_id:
        request.session[SESSION_KEY] = request.organization.public_id
