"""Find whatever a customer quotes."""

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters

from accounts.models import Organization
from accounts.requests import PersonRequest
from keys import pasted
from keys.models import ApiKey
from support import audit, qps
from support.forms import SearchForm
from support.search import Found
from support.search import search as find


@sensitive_post_parameters("q")
def search(request: PersonRequest) -> HttpResponse:
    """Find people, customers, keys and requests. What was typed is not part of the answer: it may be a key."""
    form = SearchForm(request.POST if request.method == "POST" else None)
    if not form.is_bound:
        return _answer(request, form=form)
    if pasted.holds_key(request.POST.get("q", "")):
        return _answer(request, form=SearchForm(), is_key=True, status=422)
    if not form.is_valid():
        return _answer(request, form=form, status=422)
    found = find(form.cleaned_data["q"])
    _audit(request, found)
    if page := found.only:
        return redirect(*page)
    return _answer(request, form=SearchForm(), found=found)


def _answer(request: PersonRequest, *, status: int = 200, **context: Any) -> HttpResponse:
    words = {
        "tab": "support",
        "pasted_key_advice": pasted.ADVICE,
        "request_log_days": settings.REQUEST_LOG_DAYS,
        "waiting": qps.count_waiting(),
    }
    return render(request, "support/search.html", {**words, **context}, status=status)


def _audit(request: PersonRequest, found: Found) -> None:
    """Note the search, in the log of a customer where it concerns one alone, and each key whose requests it showed."""
    customers = Organization.objects.filter(pk__in=found.organization_ids) if len(found.organization_ids) == 1 else ()
    audit.note_search(found.term, request.user, found=found.counts, organization=next(iter(customers), None))
    shown = {line.key.public_id: line.tracking_id for line in found.requests if line.key}
    for key in ApiKey.objects.filter(public_id__in=shown).select_related("organization") if shown else ():
        audit.note_trace(shown[key.public_id], request.user, target=key, organization=key.organization)
