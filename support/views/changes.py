"""Disable and enable a key, suspend and resume a customer: each with a reason that the customer reads."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.requests import PersonRequest
from dashboard import htmx
from keys.models import ApiKey
from keys.refusals import Refusal
from support import find
from support.forms import ReasonForm


def disable(request: PersonRequest, public_id: str) -> HttpResponse:
    """Have every request with the key refused, with a reason that the customer reads."""
    key = find.key(public_id)
    said = _("%(key)s is disabled. It holds within a second.")
    return _with_reason(request, key, key.disable, "disabled", said, "support/disable.html")


def enable(request: PersonRequest, public_id: str) -> HttpResponse:
    """Let a disabled key work again, for a reason that the customer reads."""
    key = find.key(public_id)
    said = _("%(key)s is enabled. It holds within a second.")
    return _with_reason(request, key, key.enable, "enabled", said, "support/enable.html")


def _with_reason(
    request: PersonRequest, key: ApiKey, verb: Callable[..., None], done: str, said: str, template: str
) -> HttpResponse:
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            verb(by=request.user, reason=form.cleaned_data["reason"], as_staff=True)
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, said % {"key": key})
            return redirect(f"{reverse('support:key', args=[key.public_id])}?receipt={done}")
    return _dialog(request, template, form, key=key)


def suspend(request: PersonRequest, customer_id: str) -> HttpResponse:
    """Have every request with every key of the customer refused, with a reason that the customer reads."""
    customer = find.organization(customer_id)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        customer.suspend(by=request.user, reason=form.cleaned_data["reason"])
        said = _("%(customer)s is suspended. All its requests are refused within a second.")
        messages.success(request, said % {"customer": customer})
        return redirect("support:organization", customer.public_id)
    return _dialog(request, "support/suspend.html", form, customer=customer)


def resume(request: PersonRequest, customer_id: str) -> HttpResponse:
    """Undo a suspension."""
    customer = find.organization(customer_id)
    if request.method == "POST":
        try:
            customer.resume(by=request.user)
        except Refusal as refusal:
            messages.error(request, str(refusal))
        else:
            said = _("%(customer)s is no longer suspended. Its requests pass within a second.")
            messages.success(request, said % {"customer": customer})
        return redirect("support:organization", customer.public_id)
    return _dialog(request, "support/resume.html", None, customer=customer)


def _dialog(request: PersonRequest, template: str, form: ReasonForm | None, **context: object) -> HttpResponse:
    status = 422 if form is not None and form.is_bound else 200
    return htmx.render(request, template, "dialog", {"tab": "support", "form": form, **context}, status=status)
