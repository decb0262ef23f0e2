"""Who may ask for a page: every request is held against the role matrix (accounts/roles.toml) before its view runs."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import middleware, roles
from accounts.models import Role, User
from accounts.roles import ANYONE, MEMBER_ROLES, PERSON, STAFF, Route

_SEVERAL: dict[str, Promise] = {
    Role.OWNER: gettext_lazy("owners"),
    Role.ADMIN: gettext_lazy("admins"),
    Role.DEVELOPER: gettext_lazy("developers"),
    Role.VIEWER: gettext_lazy("viewers"),
}


def control(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Answer instead of the view where the matrix does not let a person in; comes after `middleware.organization`.

    In this order: pages for anyone; who is not signed in goes to the sign-in page; staff's pages do not exist for others; a
    person without an organisation learns so; what is not the organisation's is a 404, whatever the role and the method; a
    method without a row is a 405; a member without the right reads why.
    """

    def controlled(request: Any) -> HttpResponse:
        request.may = lambda name, method="": may(request, name, method)
        return get_response(request)

    def process_view(request: Any, view: Any, args: Any, kwargs: dict[str, Any]) -> HttpResponse | None:
        route = roles.matrix().find(request.resolver_match.view_name)
        if route is None:
            raise Http404
        return _refuse(request, route, kwargs)

    controlled.process_view = process_view  # type: ignore[attr-defined]  # Django looks for it on the middleware
    return controlled


def _refuse(request: Any, route: Route, kwargs: dict[str, Any]) -> HttpResponse | None:
    """Return the answer to who may not pass, None to who may. Raises Http404 and PermissionDenied."""
    wanted = route.roles(request.method)
    if wanted is not None and ANYONE in wanted:
        return None
    if not request.user.is_authenticated:
        return _not_allowed(route) if route.is_open else redirect_to_login(request.get_full_path(), settings.LOGIN_URL)
    if route.is_for_staff and not _staff_may(request.user, wanted or route.everybody):
        raise Http404
    if route.is_for_members:
        if "organization_id" in kwargs and not middleware.enter(request, kwargs["organization_id"]):
            raise Http404
        if request.membership is None:
            return render(request, "accounts/no_organization.html", status=404)
        if wanted is None or request.membership.role not in wanted:
            _find_own(request, route, kwargs)
    if wanted is None:
        return _not_allowed(route)
    if route.is_for_members and request.membership.role not in wanted:
        raise PermissionDenied(_why(request.membership.role, wanted))
    if route.is_for_members and "organization_id" in kwargs:
        middleware.stay(request)
    return None


def _not_allowed(route: Route) -> HttpResponse:
    return HttpResponseNotAllowed(["GET", "HEAD"] * ("GET" in route.who) + ["POST"] * ("POST" in route.who))


def _staff_may(user: User, wanted: frozenset[str]) -> bool:
    """Whether one of the provider's people has what a row asks: `staff`, or `staff` and a permission."""
    if not (user.is_active and user.is_staff):
        return False
    permissions = [name.partition(" ")[2] for name in wanted]
    return any(not permission or user.has_perm(permission) for permission in permissions)


def _find_own(request: Any, route: Route, kwargs: dict[str, Any]) -> None:
    """Raise Http404 for what is not the organisation's; who may act learns it from the view's own query."""
    if route.of and not getattr(request.organization, route.of).filter(public_id=kwargs["public_id"]).exists():
        raise Http404


def _why(role: str, wanted: frozenset[str]) -> str:
    if role == Role.VIEWER and Role.DEVELOPER in wanted:
        return _("Your role is viewer: you can look, but not copy or change anything.")
    allowed = [str(_SEVERAL[name]) for name in MEMBER_ROLES if name in wanted]
    told = {"role": Role(role).said, "allowed": _(" and ").join(allowed)}
    return _("Your role is %(role)s. This is for %(allowed)s.") % told


def may(request: Any, name: str, method: str = "") -> bool:
    """Whether the person may call a route with a method, by default with every method that it has.

    What a template asks before it shows a link. Raises KeyError for a route that has no row.
    """
    route = roles.matrix().find(name)
    if route is None:
        raise KeyError(name)
    return all(_may(request, route.roles(each) or frozenset()) for each in ([method] if method else route.who))


def _may(request: Any, wanted: frozenset[str]) -> bool:
    if ANYONE in wanted:
        return True
    if not request.user.is_authenticated:
        return False
    if PERSON in wanted or (request.membership is not None and request.membership.role in wanted):
        return True
    staff = frozenset(name for name in wanted if name.partition(" ")[0] == STAFF)
    return bool(staff) and _staff_may(request.user, staff)
