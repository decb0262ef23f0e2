"""Ask for another queries-per-second limit; for enterprise customers."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext

from accounts.requests import MemberRequest
from dashboard import htmx, words
from keys import queries
from keys.forms import QpsForm
from keys.models import ApiKey, QpsRequest
from keys.refusals import Refusal
from keys.views.answers import act, dialog, own_key


def manage(request: MemberRequest, public_id: str) -> HttpResponse:
    """Show limits and requests; take a new request."""
    key = _enterprise_key(request, public_id)
    form = QpsForm(request.POST or None, key=key, initial=_proposed(request, key))
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data

        def verb() -> str:
            made = QpsRequest.submit(
                key=key, product=data["product"], requested=data["requested"], reason=data["reason"], by=request.user
            )
            return made.public_id

        if act(form, request, verb):
            told = {"limit": words.number(data["requested"]), "product": data["product"]}
            return _answer(request, key, gettext("%(limit)s QPS for %(product)s are requested.") % told)
    return _page(request, key, form)


def withdraw(request: MemberRequest, public_id: str, request_id: str) -> HttpResponse:
    """Take a waiting request back."""
    key = _enterprise_key(request, public_id)
    wish = get_object_or_404(key.qps_requests.select_related("product"), public_id=request_id)
    try:
        wish.withdraw(by=request.user)
    except Refusal as refusal:
        return _answer(request, key, str(refusal), level=messages.WARNING)
    return _answer(request, key, gettext("The request for %(product)s is withdrawn.") % {"product": wish.product})


def _enterprise_key(request: MemberRequest, public_id: str) -> ApiKey:
    key = own_key(request, public_id)
    if not request.organization.is_enterprise:
        raise PermissionDenied(gettext("QPS management is part of the plan Enterprise."))
    return key


def _proposed(request: MemberRequest, key: ApiKey) -> dict[str, object]:
    """What the address names to begin with, such as a value that fits the measured peaks; else the first free product."""
    product = key.products.filter(code=request.GET.get("product", "")).first()
    requested = request.GET.get("requested", "")
    if product is None:
        return {"product": _first_free(key)}
    return {"product": product.pk, "requested": requested if requested.isdecimal() else ""}


def _first_free(key: ApiKey) -> int | None:
    """The first product for which no request waits."""
    return next((limit.product.pk for limit in queries.limits(key) if limit.pending is None), None)


def _page(request: MemberRequest, key: ApiKey, form: QpsForm) -> HttpResponse:
    context = {"key": key, "limits": queries.limits(key), "past": queries.past_requests(key)}
    return dialog(request, "keys/qps.html", context, form=form)


def _answer(request: MemberRequest, key: ApiKey, message: str, *, level: int = messages.SUCCESS) -> HttpResponse:
    """Show the same place again, with what is now true."""
    if htmx.wants_fragment(request):
        return htmx.announce(_page(request, key, QpsForm(key=key, initial={"product": _first_free(key)})), message)
    messages.add_message(request, level, message)
    return redirect("keys:qps", key.public_id)
