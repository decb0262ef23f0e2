"""The filters of analytics, read from the address."""

import datetime as dt
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import Http404, QueryDict

from accounts.models import Organization
from analytics import queries, ranges
from analytics.filters import (
    DEFAULT_RANGE,
    NO_PRODUCT_CODE,
    RANGES,
    VIEWS,
    Filters,
    View,
    default_split,
    default_step,
)
from analytics.ranges import DAY, KEPT_DAYS, MAX_DAYS, Period
from dashboard import public_ids
from keys.models import ApiKey


class FilterForm(forms.Form):
    """Dates, API key, Products, Show, split by product. What is missing has a default; what is wrong says so at the field."""

    range = forms.ChoiceField(choices=list(RANGES.items()), required=False)
    key = forms.CharField(required=False, max_length=60)
    product = forms.MultipleChoiceField(required=False)
    show = forms.ChoiceField(choices=[("hour", "Hour"), ("day", "Day")], required=False)
    split = forms.ChoiceField(choices=[("0", "No"), ("1", "Yes")], required=False)

    def __init__(self, data: QueryDict, *, organization: Organization, now: dt.datetime) -> None:
        super().__init__(data)
        self.sent = data
        self.organization, self.now = organization, now
        self.today = now.astimezone(organization.zone).date()
        self.catalogue = queries.catalogue()
        for name in ("from", "to"):
            self.fields[name] = forms.DateField(input_formats=["%Y-%m-%d"], required=False)
            self.fields[name].error_messages["invalid"] = "Write the date as 2026-11-17."
        codes = [product.code for product in self.catalogue.values()] + [NO_PRODUCT_CODE]
        self.fields["product"].choices = [(code, code) for code in codes]  # type: ignore[attr-defined]
        for name, words in (
            ("range", "no range of dates"),
            ("product", "no product"),
            ("show", "neither hour nor day"),
        ):
            self.fields[name].error_messages["invalid_choice"] = f"“%(value)s” is {words}."

    def clean(self) -> dict[str, Any]:
        """Check the dates against each other, today, and what is kept."""
        cleaned = super().clean() or {}
        self.range_name = cleaned.get("range") or ("own" if cleaned.get("from") or cleaned.get("to") else DEFAULT_RANGE)
        if self.range_name == "own" and "from" in cleaned and "to" in cleaned:
            last = cleaned["to"] or self.today
            first = cleaned["from"] or max(max(last, self.oldest) - 6 * DAY, self.oldest)
            if last > self.today:
                self.add_error("to", f"This is in the future. Today is {ranges.date_words(self.today)}.")
            elif first > last:
                self.add_error("from", "This is after the last date.")
            elif first < self.oldest:
                self.add_error("from", f"Usage is kept for five years, back to {ranges.date_words(self.oldest)}.")
            elif (last - first).days >= MAX_DAYS:
                self.add_error("from", f"At most {MAX_DAYS} days can be shown at once.")
            elif last < self.oldest:
                self.add_error("to", f"Usage is kept for five years, back to {ranges.date_words(self.oldest)}.")
            self.dates = first, last
        return cleaned

    def clean_key(self) -> ApiKey | None:
        """Find the key among the organisation's own, deleted ones too. Raises Http404: other keys do not exist here."""
        text = self.cleaned_data["key"]
        if not text:
            return None
        public_id = public_ids.normalise(text, "key")
        key = self.organization.keys.filter(public_id=public_id).first() if public_id else None
        if key is None:
            raise Http404
        return key

    @property
    def oldest(self) -> dt.date:
        """The first date that can be asked for."""
        return self.today - KEPT_DAYS * DAY

    @property
    def period(self) -> Period:
        """The time that is asked for."""
        place: dict[str, Any] = {"now": self.now, "zone": self.organization.zone}
        if self.range_name == "own":
            return Period.of_dates(*self.dates, **place)
        if self.range_name == "24h":
            return Period.of_last_day(**place)
        return Period.of_days(int(self.range_name.removesuffix("d")), **place)

    def filters(self, view: View) -> Filters:
        """Return what was asked for. Call it on a valid form only."""
        cleaned, period = self.cleaned_data, self.period
        asked = cleaned["show"] or default_step(self.range_name)
        return Filters(
            view=view,
            range_name=self.range_name,
            period=period,
            step=asked if period.allows_hours else "day",
            is_split=cleaned["split"] == "1" if cleaned["split"] else default_split(view),
            organization=self.organization,
            key=cleaned["key"],
            products=tuple(product for product in self.catalogue.values() if product.code in cleaned["product"]),
            includes_no_product=NO_PRODUCT_CODE in cleaned["product"],
            catalogue=self.catalogue,
        )

    def chosen(self, filters: Filters | None) -> dict[str, Any]:
        """Return what the fields show: the choice, or what was sent where it is wrong."""
        if filters:
            period = filters.period
            return {
                "range": filters.range_name,
                "from": period.first.isoformat(),
                "to": period.last.isoformat(),
                "key": filters.key.public_id if filters.key else "",
                "products": filters.codes,
                "show": filters.step,
                "is_split": filters.is_split,
            }
        sent = {name: self.sent.get(name, "") for name in ("range", "from", "to", "key", "show")}
        sent["range"] = sent["range"] or ("own" if sent["from"] or sent["to"] else DEFAULT_RANGE)
        return sent | {"products": self.sent.getlist("product"), "is_split": self.sent.get("split") != "0"}

    def asked_view(self) -> View:
        """Return the view that a CSV is asked for. Raises ValidationError."""
        view = self.sent.get("view", "usage")
        if view not in VIEWS:
            raise ValidationError("There is no such view.")
        return view
