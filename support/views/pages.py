"""What the support desk shows: a key, a person, a customer, a request. That staff looked is audited."""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import render

from accounts.requests import PersonRequest
from keys import pasted, receipts
from support import audit, explain, find, queries
from support.forms import NoteForm


def key(request: PersonRequest, public_id: str) -> HttpResponse:
    """Show a key as staff see it."""
    found = find.key(public_id)
    audit.note_look(found, request.user, organization=found.organization)
    what = request.GET.get("receipt", "")
    return _page(
        request, "support/key.html", about=found.public_id, found=queries.key_page(found),
        request_log_days=settings.REQUEST_LOG_DAYS, **(receipts.shown(found, what, "support:receipt") if what else {}),
    )  # fmt: skip


def receipt(request: PersonRequest, public_id: str) -> HttpResponse:
    """Show since when the last change of a key holds in every gateway."""
    context = receipts.shown(find.key(public_id), request.GET.get("what", ""), "support:receipt")
    return render(request, "keys/_receipt.html", {**context, "organization": None})  # times are UTC on these pages


def person(request: PersonRequest, person_id: str) -> HttpResponse:
    """Show a person: where they are members, how they sign in, what they did."""
    found = find.person(person_id)
    shown = queries.person_page(found)
    for member in shown.memberships:
        audit.note_look(found, request.user, organization=member.organization)
    if not shown.memberships:
        audit.note_look(found, request.user, organization=None)
    return _page(request, "support/person.html", about=found.public_id, found=shown)


def organization(request: PersonRequest, customer_id: str) -> HttpResponse:
    """Show a customer: plan, members, keys, QPS requests, usage."""
    found = find.organization(customer_id)
    audit.note_look(found, request.user, organization=found)
    return _page(
        request, "support/organization.html", about=found.public_id, found=queries.organization_page(found),
    )  # fmt: skip


def request_trace(request: PersonRequest, tracking_id: str) -> HttpResponse:
    """Show the requests with a Tracking-ID and which rule decided each."""
    if pasted.holds_key(tracking_id):
        raise Http404
    found = explain.traces(tracking_id)
    if not found:
        raise Http404
    for trace in found:
        if trace.key is not None:
            audit.note_trace(tracking_id, request.user, target=trace.key, organization=trace.key.organization)
    return render(request, "support/request.html", {"tab": "support", "traces": found, "tracking_id": tracking_id})


def _page(request: PersonRequest, template: str, *, about: str, **context: Any) -> HttpResponse:
    notes = {"about": about, "notes": queries.notes_about(about), "note_form": NoteForm()}
    return render(request, template, {"tab": "support", **notes, **context})
