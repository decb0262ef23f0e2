"""Organisations: which one a person works in."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from accounts.access import members
from accounts.middleware import SESSION_KEY
from accounts.requests import MemberRequest


@members
@require_POST
def switch(request: MemberRequest, public_id: str) -> HttpResponse:
    """Work in another of one's organisations."""
    organization = get_object_or_404(request.user.organizations, public_id=public_id)
    request.session[SESSION_KEY] = organization.public_id
    return redirect("keys:list")
