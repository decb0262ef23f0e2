"""The support desk: find a key by what a customer quotes, see it as staff do, disable and enable it."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters

from accounts.models import AuditEvent
from accounts.requests import PersonRequest
from dashboard import htmx, public_ids
from keys import pasted, receipts
from keys.models import ApiKey
from keys.refusals import Refusal
from support import queries
from support.forms import DisableForm, SearchForm


@sensitive_post_parameters("q")
def search(request: PersonRequest) -> HttpResponse:
    """Find keys and requests. What was typed is not part of the answer: it may be a key."""
    form = SearchForm(request.POST if request.method == "POST" else None)
    if not form.is_bound:
        return _answer(request, form=form)
    if pasted.holds_key(request.POST.get("q", "")):
        return _answer(request, form=SearchForm(), is_key=True, status=422)
    if not form.is_valid():
        return _answer(request, form=form, status=422)
    found = queries.search(form.cleaned_data["q"])
    _audit_trace(request, found)
    if found.exact:
        return redirect("support:key", found.exact)
    return _answer(request, form=SearchForm(), found=found)


def key_page(request: PersonRequest, public_id: str) -> HttpResponse:
    """Show a key as staff see it; that they looked is audited."""
    key = _key(public_id)
    queries.note_look(key, request.user)
    context = {
        "tab": "support",
        "found": queries.key_page(key),
        "request_log_days": settings.REQUEST_LOG_DAYS,
    }
    if what := request.GET.get("receipt"):
        context |= receipts.shown(key, what, "support:receipt")
    return render(request, "support/key.html", context)


def receipt(request: PersonRequest, public_id: str) -> HttpResponse:
    """Show since when the last change of a key holds in every gateway."""
    what = request.GET.get("what", "")
    context = receipts.shown(_key(public_id), what, "support:receipt")
    return render(request, "keys/_receipt.html", {**context, "organization": None})  # times are UTC on these pages


def disable(request: PersonRequest, public_id: str) -> HttpResponse:
    """Have every request with the key refused, with a reason that the customer reads."""
    key = _key(public_id)
    form = DisableForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            key.disable(by=request.user, reason=form.cleaned_data["reason"], as_staff=True)
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"{key} is disabled. Its requests are refused within a second.")
            return redirect(f"{reverse('support:key', args=[key.public_id])}?receipt=disabled")
    status = 422 if form.is_bound else 200
    return htmx.render(
        request, "support/disable.html", "dialog", {"tab": "support", "key": key, "form": form}, status=status
    )


def enable(request: PersonRequest, public_id: str) -> HttpResponse:
    """Let a disabled key work again."""
    key = _key(public_id)
    if request.method == "POST":
        try:
            key.enable(by=request.user, as_staff=True)
        except Refusal as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, f"{key} is enabled. Its requests pass within a second.")
            return redirect(f"{reverse('support:key', args=[key.public_id])}?receipt=enabled")
        return redirect("support:key", key.public_id)
    return htmx.render(request, "support/enable.html", "dialog", {"tab": "support", "key": key})


def _key(public_id: str) -> ApiKey:
    key = queries.get_key(public_ids.normalise(public_id, "key"))
    if key is None:
        raise Http404
    return key


def _answer(request: PersonRequest, *, status: int = 200, **context: Any) -> HttpResponse:
    words = {"pasted_key_advice": pasted.ADVICE, "request_log_days": settings.REQUEST_LOG_DAYS}
    return render(request, "support/search.html", {"tab": "support", **words, **context}, status=status)


def _audit_trace(request: PersonRequest, found: queries.Found) -> None:
    """Note once for each key whose requests a Tracking-ID showed. An ID that shows nothing is not kept: it may be anything."""
    shown = {line.key.public_id: line.tracking_id for line in found.requests if line.key}
    for key in ApiKey.objects.filter(public_id__in=shown).select_related("organization") if shown else ():
        AuditEvent.record(
            "support.traced", organization=key.organization, actor=request.user, target=key, as_staff=True,
            after={"tracking_id": shown[key.public_id]},
        )  # fmt: skip
