"""Registering: a person, their organisation, and the first key."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from accounts.models import Organization, User, check_time_zone
from dashboard.fields import NameField, refuse_address
from keys.models import ApiKey, Product
from keys.pasted import refuse_key

FIRST_KEY = "My first API key"


class RegistrationForm(forms.Form):
    """What registering asks beyond address and password; allauth merges the two."""

    organization = NameField(
        label=gettext_lazy("Organisation"), max_length=80, validators=[refuse_key, refuse_address],
        help_text=gettext_lazy("The company or project that your keys belong to."),
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )  # fmt: skip
    time_zone = forms.CharField(required=False, widget=forms.HiddenInput(attrs={"data-time-zone": ""}))

    def clean_time_zone(self) -> str:
        """Fall back to UTC: the browser fills this in, not the person."""
        name = self.cleaned_data["time_zone"]
        try:
            check_time_zone(name)
        except ValidationError:
            return "UTC"
        return str(name)

    def signup(self, request: HttpRequest, user: User) -> None:
        """Make the organisation and its first key with every active product."""
        register(user, organization=self.cleaned_data["organization"], time_zone=self.cleaned_data["time_zone"])


def register(user: User, *, organization: str, **details: Any) -> ApiKey:
    """Make a person's organisation with "My first API key"; `details` as in `Organization.register`."""
    with transaction.atomic():
        made = Organization.register(name=organization, owner=user, **details)
        return ApiKey.create(
            organization=made, name=FIRST_KEY, products=Product.objects.active(), by=user, at=details.get("at")
        )
