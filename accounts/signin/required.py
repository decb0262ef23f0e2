"""Let nobody further who needs a second factor and has none."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts import roles
from accounts.roles import ANYONE
from accounts.signin.factors import has_second_factor

ALWAYS_OPEN = "/accounts/"
"""Sign-in and its security page: nothing of an organisation, and what a set-up needs."""
TO_ANOTHER = "accounts:switch"
"""Another of the person's organisations may not require a second factor."""


def is_required(request: Any) -> bool:
    """Whether this person needs a second factor here: as staff, or as a member of the organisation they work in."""
    is_for_staff = settings.STAFF_SECOND_FACTOR and request.user.is_staff
    organization = request.organization
    return is_for_staff or (organization is not None and organization.requires_second_factor_at is not None)


def _is_open(request: Any) -> bool:
    """Whether a page shows nothing of an organisation: one for anyone, of the person's own sign-in, or the way to another."""
    name = request.resolver_match.view_name
    route = roles.matrix().find(name)
    is_for_anyone = route is not None and ANYONE in (route.roles(request.method) or ())
    return is_for_anyone or name == TO_ANOTHER or request.path.startswith(ALWAYS_OPEN)


def second_factor(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Lead people who need a second factor to its set-up, whatever they ask for: from the next request on."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    def process_view(request: Any, view: Any, arguments: Any, options: Any) -> HttpResponse | None:
        if (
            _is_open(request)
            or not request.user.is_authenticated
            or not is_required(request)
            or has_second_factor(request.user)
        ):
            return None
        return redirect("second_factor_required")

    middleware.process_view = process_view  # type: ignore[attr-defined]  # Django looks for it there
    return middleware
