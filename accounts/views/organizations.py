"""Organisations: which one a person works in."""

from django.http import HttpResponse
from django.shortcuts import redirect

from accounts.requests import MemberRequest


def switch(request: MemberRequest, organization_id: str) -> HttpResponse:
    """Work in another of one's organisations: the address names it, and that is all it takes."""
    return redirect("keys:list")
