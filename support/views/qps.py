"""Decide QPS requests."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from accounts.requests import PersonRequest
from keys.models import QpsRequest, Submission
from keys.refusals import Refusal
from support import audit, find, qps
from support.forms import DecisionForm


def queue(request: PersonRequest) -> HttpResponse:
    """Show what waits, the oldest first, beside the measured peaks."""
    page, waiting = qps.queue(request.GET.get("page", "1"))
    context = {"tab": "support", "page": page, "lines": waiting, "decided": qps.decided()}
    return render(request, "support/qps_queue.html", context)


def decide(request: PersonRequest, request_id: str) -> HttpResponse:
    """Show what the decision rests on; approve, with the value that was asked for or another, or reject."""
    wish = find.qps_request(request_id)
    audit.note_look(wish.key, request.user, organization=wish.key.organization)
    form = DecisionForm(request.POST if request.method == "POST" else None, wish=wish)
    if form.is_valid() and _act(request, wish, form):
        wish.refresh_from_db()
        is_approved = wish.state == QpsRequest.State.APPROVED
        said = _("%(wish)s for %(key)s: approved.") if is_approved else _("%(wish)s for %(key)s: rejected.")
        messages.success(request, said % {"wish": wish, "key": wish.key})
        return redirect("support:qps_queue")
    fresh = find.qps_request(request_id)  # what a refusal rests on may have changed meanwhile
    context = {"tab": "support", "found": qps.decision_page(fresh), "form": form}
    return render(request, "support/qps_request.html", context, status=422 if form.is_bound else 200)


def _act(request: PersonRequest, wish: QpsRequest, form: DecisionForm) -> bool:
    """Decide once per form; a refusal becomes an error of the form."""
    data = form.cleaned_data
    try:
        with transaction.atomic():
            _, first = Submission.claim(data["token"], user=request.user, action=request.path)
            if not first:
                return True
            if data["decision"] == "approve":
                wish.approve(by=request.user, granted=data["granted"], note=data["note"])
            else:
                wish.reject(by=request.user, note=data["note"])
    except Refusal as refusal:
        form.add_error(None, str(refusal))
        return False
    return True
