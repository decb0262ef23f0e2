"""Which of the provider's people may change something at the support desk."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpResponseBase

from accounts.access import View, staff
from accounts.requests import PersonRequest

KEYS = "keys.change_apikey"
QPS = "keys.change_qpsrequest"
ORGANIZATIONS = "accounts.change_organization"


def staff_who_may(permission: str) -> Callable[[View], View]:
    """Let staff in who have a permission, the same as in the admin; for others the page does not exist."""

    def decorate(view: View) -> View:
        @wraps(view)
        @staff
        def guarded(request: PersonRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.has_perm(permission):
                raise Http404
            return view(request, *args, **kwargs)

        return guarded

    return decorate
