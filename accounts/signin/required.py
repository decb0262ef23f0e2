"""Let nobody further who needs a second factor and has none."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.signin.factors import has_second_factor

ALWAYS_OPEN = ("/accounts/", "/mail/")
"""Sign-in, its security page, and development's mails: nothing of an organisation, and what a set-up needs."""
OPEN_VIEWS = {"home", "accounts:switch"}
"""Home leads elsewhere; another of the person's organisations may not require a second factor."""


def is_required(request: Any) -> bool:
    """Whether this person needs a second factor here: as staff, or as a member of the organisation they work in."""
    is_for_staff = settings.STAFF_SECOND_FACTOR and request.user.is_staff
    organization = request.organization
    return is_for_staff or (organization is not None and organization.requires_second_factor_at is not None)


def second_factor(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Lead people who need a second factor to its set-up, whatever they ask for: from the next request on."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    def process_view(request: Any, view: Any, arguments: Any, options: Any) -> HttpResponse | None:
        is_open = request.path.startswith(ALWAYS_OPEN) or request.resolver_match.view_name in OPEN_VIEWS
        if is_open or not request.user.is_authenticated or not is_required(request) or has_second_factor(request.user):
            return None
        return redirect("second_factor_required")

    middleware.process_view = process_view  # type: ignore[attr-defined]  # Django looks for it there
    return middleware
