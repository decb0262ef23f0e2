"""Which organisation a request is about, and what staff may not do while they view it as a customer."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import visits
from accounts.models import Membership, Organization, User
from dashboard.statements import Statement

SESSION_KEY = "organization"
GetResponse = Callable[[HttpRequest], HttpResponse]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
STAFFS_OWN = ("/support/", "/admin/")
"""Where staff stay who they are, also during a visit."""
STILL_SENT = frozenset({"support:end_visit", "account_logout", "admin:logout", "theme", "language", "shortcuts"})
"""What may be sent during a visit: its end, and how the staff person likes to read."""


_MEMBERSHIPS = Statement(lambda pk: User(pk=pk).memberships.kept())


def _memberships_of(person: User) -> list[Membership]:
    """Return what `person.memberships.kept()` does."""
    names, names_there = (
        [field.attname for field in model._meta.concrete_fields] for model in (Membership, Organization)
    )
    found = []
    for row in _MEMBERSHIPS.rows(person.pk):
        membership = Membership.from_db("default", names, row[: len(names)])
        membership.organization = Organization.from_db("default", names_there, row[len(names) :])
        membership.user = person
        found.append(membership)
    return found


def organization(get_response: GetResponse) -> GetResponse:
    """Set `request.memberships`, `request.membership`, `request.organization` and `request.visit`, read anew for every request.

    A person with several organisations works in the one chosen last, or in the one that the address names; rights that
    end are gone with the next request.
    Staff who view a customer's dashboard are a viewer there, and nothing else anywhere.
    """

    def middleware(request: Any) -> HttpResponse:
        request.memberships, request.membership, request.organization, request.visit = [], None, None, None
        if request.user.is_authenticated:
            request.visit = visits.current(request)
            if request.visit and not request.path_info.startswith(STAFFS_OWN):
                request.memberships = [request.visit.membership]
            else:
                request.memberships = _memberships_of(request.user)
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


def only_looks(get_response: GetResponse) -> GetResponse:
    """Refuse whatever is sent during a visit, on every address, but what ends it."""

    def middleware(request: Any) -> HttpResponse:
        if request.visit is None:
            return get_response(request)
        if request.method not in SAFE_METHODS and _name_of(request.path_info) not in STILL_SENT:
            raise PermissionDenied(
                _(
                    "You view the dashboard as %(organization)s sees it: nothing can be changed, copied or sent. "
                    "End the view first."
                )
                % {"organization": request.visit.organization}
            )
        response = get_response(request)
        visits.note_sign_out(request, request.visit)
        return response

    return middleware


def _name_of(path: str) -> str:
    try:
        return resolve(path).view_name
    except Resolver404:
        return ""
