"""All components on one page, drawn by the templates that the pages use; in development only."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from analytics import charts
from analytics.key_states import DayTraffic
from analytics.key_usage import KeyUsage
from dashboard import styleguide_chart
from dashboard.templatetags.ui import STATE_WORDS
from keys.listing import KeyRow
from keys.rows import Chips
from keys.snippets import test_requests

EXAMPLE_ID = "key_0123456789ABCDEF"


def example_card() -> dict[str, Any]:
    """Return a key as its card in the list shows it: `cards` and `usages`."""
    days = [0, 2, 9, 5, 0, 3, 11, 4] * 3 + [1, 4, 12, 6]
    refused = [0] * 26 + [2, 3]
    usage = KeyUsage(
        sum(days), sum(refused), 48, "Routing API", 60, charts.sketch(days, refused=refused), day=DayTraffic(41)
    )  # fmt: skip
    card = KeyRow(
        pk=0, public_id=EXAMPLE_ID, name="Web shop, production", hint="lkR4tW…9fQ2", state="healthy", billing="Paying",
        products=("Map Display API", "Search API", "Routing API", "Traffic API"), domains=("shop.example.com", "*.example.com"),
        created_at=styleguide_chart.NOW, rotated_at=None, last_used_at=styleguide_chart.NOW, expires_at=None, disabled_at=None,
        disabled_reason="", disabled_by_staff=False, is_copyable=True, grace_hint="", grace_ends_at=None, grace_last_used_at=None,
    )  # fmt: skip
    return {"cards": [card], "usages": {0: usage}}


class ExampleForm(forms.Form):
    """One field of each kind; sent without a name, so that the page shows an error too."""

    name = forms.CharField(label="Name", help_text="What the key is for, such as “Web shop, production”.")
    address = forms.EmailField(label="E-mail address")
    plan = forms.ChoiceField(
        label="Billing type", choices=[("paying", "Paying"), ("free", "Free")], widget=forms.RadioSelect
    )
    products = forms.MultipleChoiceField(
        label="Products", choices=[("map", "Map Display API"), ("search", "Search API"), ("routing", "Routing API")],
        widget=forms.CheckboxSelectMultiple, required=False,
    )  # fmt: skip
    domains = forms.CharField(label="Allowed domains", widget=forms.Textarea(attrs={"rows": 3}), required=False)
    agrees = forms.BooleanField(label="Show keys only once", required=False)


def styleguide(request: HttpRequest) -> HttpResponse:
    """Show every component; 404 outside development."""
    if not settings.DEVELOPMENT:
        raise Http404
    context = {
        "form": ExampleForm({"address": "ada@example.com", "plan": "paying", "products": ["map"]}),
        "states": list(STATE_WORDS),
        "page": Paginator(range(120), 50).get_page(2),
        "snippets": test_requests(settings.GATEWAY_URL, []),
        "key_id": EXAMPLE_ID,
        "row": Chips(("Map Display API", "Search API", "Routing API", "Traffic API")),
    } | example_card() | styleguide_chart.example()  # fmt: skip
    return render(request, "dashboard/styleguide.html", context)
