"""The filters of the page Activity, read from the address."""

import datetime as dt
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import activity, stories
from accounts.models import Organization
from dashboard import public_ids

NAMED_KEYS = 100
"""A name that more keys have narrows to the newest of them."""


class ActivityForm(forms.Form):
    """Person, kind, key and dates. What is wrong says so at the field."""

    person = forms.ChoiceField(
        label=gettext_lazy("Person"),
        required=False,
        error_messages={"invalid_choice": gettext_lazy("This person did nothing here.")},
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        required=False,
        choices=[("", gettext_lazy("Everything")), *((code, word) for code, (word, _) in stories.KINDS.items())],
        error_messages={"invalid_choice": gettext_lazy("There is no such kind.")},
    )
    key = forms.CharField(label=gettext_lazy("Key"), required=False, max_length=80)
    before = forms.CharField(required=False, max_length=40)

    def __init__(self, data: QueryDict, *, organization: Organization) -> None:
        super().__init__(data)
        self.organization = organization
        self.people = activity.people(organization)
        named = [(reference, person.label) for reference, person in self.people.items()]
        self.fields["person"].choices = [("", _("Everybody")), *named]  # type: ignore[attr-defined]
        for name, label in (("from", _("From")), ("to", _("To"))):
            self.fields[name] = forms.DateField(label=label, input_formats=["%Y-%m-%d"], required=False)
            self.fields[name].error_messages["invalid"] = _("Write the date as 2026-11-17.")

    def clean_key(self) -> tuple[str, ...] | None:
        """Return the IDs of the keys that are meant, deleted ones too: one by its ID, or those with this in their name."""
        text = self.cleaned_data["key"].strip()
        if not text:
            return None
        if public_id := public_ids.normalise(text, "key"):
            return (public_id,)
        named = self.organization.keys.filter(name__icontains=text).order_by("-pk")
        return tuple(named.values_list("public_id", flat=True)[:NAMED_KEYS])

    def clean_before(self) -> activity.Cursor | None:
        """Read where the page begins."""
        try:
            return activity.Cursor.read(self.cleaned_data["before"]) if self.cleaned_data["before"] else None
        except ValueError:
            raise ValidationError(_("This address is of no page. Begin with the newest.")) from None

    def clean(self) -> dict[str, Any]:
        """Compare the dates."""
        cleaned = super().clean() or {}
        first, last = cleaned.get("from"), cleaned.get("to")
        if first and last and first > last:
            self.add_error("from", _("This is after the last date."))
        return cleaned

    def filters(self) -> activity.Filters:
        """Return what was asked for. Call it on a valid form only."""
        data, zone = self.cleaned_data, self.organization.zone

        def midnight(day: dt.date | None, days_later: int = 0) -> dt.datetime | None:
            later = dt.timedelta(days=days_later)
            return dt.datetime.combine(day + later, dt.time(), zone) if day and day < dt.date.max else None

        return activity.Filters(
            organization=self.organization,
            person=self.people.get(data["person"]),
            kind=data["kind"],
            key_ids=data["key"],
            since=midnight(data["from"]),
            until=midnight(data["to"], 1),
        )
