"""The pages about QPS limits: which of them fit, and what another one would have refused."""

from dataclasses import dataclass

from django import forms
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render

from accounts.requests import MemberRequest
from analytics import sizing
from analytics.sizing import Fit
from dashboard import htmx
from keys.models.qps_request import MAX_QPS


class LimitForm(forms.Form):
    """A limit to try. The slider sends its own name, so that it wins over the number beside it."""

    qps = forms.IntegerField(required=False, min_value=1, max_value=MAX_QPS)
    slide = forms.IntegerField(required=False, min_value=1, max_value=MAX_QPS)


@dataclass(frozen=True, slots=True)
class Scale:
    """The slider: where it stands, and how far it goes. Beyond the end the number is typed."""

    value: int
    most: int


def used(request: MemberRequest) -> HttpResponse:
    """List the limits in use, the nearest to their peaks first."""
    number = request.GET.get("page", "1")
    page = int(number) if number.isdecimal() and len(number) < 5 else 1
    fits, has_more = sizing.used_limits(request.organization, max(1, page))
    context = {"tab": "analytics", "fits": fits, "previous": page - 1, "next": page + 1 if has_more else None}
    return render(request, "analytics/limits.html", context)


def of_key(request: MemberRequest, public_id: str) -> HttpResponse:
    """Compare the limit of a key with a product with any other one."""
    key = get_object_or_404(request.organization.keys.kept(), public_id=public_id)
    assigned = key.products.all()
    code = request.GET.get("product", "")
    product = get_object_or_404(assigned, code=code) if code else assigned.first()
    fit = sizing.fit_of(key, product) if product else None
    if fit is None:
        raise Http404
    form = LimitForm(request.GET)
    is_valid = form.is_valid()
    asked = (form.cleaned_data.get("slide") or form.cleaned_data.get("qps")) if is_valid else None
    scale = _scale(fit, asked)
    tried = sizing.estimates(key.pk, fit.product.pk, [scale.value, fit.limit])
    context = {"tab": "analytics", "key": key, "fit": fit, "products": assigned, "form": form, "scale": scale}
    context |= {"estimate": tried[scale.value], "now": tried[fit.limit]}
    fragment = "estimate" if "slide" in request.GET else "limit"
    return htmx.render(request, "analytics/limit.html", fragment, context, status=200 if is_valid else 422)


def _scale(fit: Fit, asked: int | None) -> Scale:
    value = asked or fit.recommended or fit.limit
    highest = fit.peaks.highest if fit.peaks else 0
    return Scale(value, min(MAX_QPS, max(10, value, 2 * max(fit.limit, highest, fit.recommended or 0))))
