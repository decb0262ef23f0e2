"""All components on one page, drawn by the templates that the pages use; in development only."""

from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.templatetags.ui import STATE_WORDS
from keys.snippets import test_requests

EXAMPLE_ID = "key_0123456789ABCDEF"


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
        "row": {"products": ["Map Display API", "Search API", "Routing API"], "shown_products": ["Map Display API"], "more_products": 2},
    }  # fmt: skip
    return render(request, "dashboard/styleguide.html", context)
