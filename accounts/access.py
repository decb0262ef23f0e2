"""Who may ask for a page."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseBase
from django.shortcuts import render

View = Callable[..., HttpResponseBase]


def members(view: View) -> View:
    """Let members of an organisation in; others learn that they belong to none."""

    @wraps(view)
    @login_required
    def guarded(request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.membership is None:
            return render(request, "accounts/no_organization.html", status=403)
        return view(request, *args, **kwargs)

    return guarded


def managers(view: View) -> View:
    """Let members in who manage keys; viewers only look."""

    @wraps(view)
    @members
    def guarded(request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.membership.manages_keys:
            raise PermissionDenied("Your role is viewer: you can look, but not copy or change anything.")
        return view(request, *args, **kwargs)

    return guarded


def staff(view: View) -> View:
    """Let the provider's people in; to everybody else the page does not exist."""

    @wraps(view)
    @login_required
    def guarded(request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not (request.user.is_active and request.user.is_staff):
            raise Http404
        return view(request, *args, **kwargs)

    return guarded
