"""The filters of analytics, read from the address."""

import datetime as dt
import zoneinfo
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import Http404, QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization
from analytics import queries, ranges, times
from analytics.filters import (
    DEFAULT_RANGE,
    NO_PRODUCT_CODE,
    RANGES,
    SERIES_CODES,
    VIEWS,
    Filters,
    View,
    default_split,
)
from analytics.ranges import DAY, KEPT_DAYS, MAX_DAYS, Period
from dashboard import public_ids
from dashboard.words import Words
from keys.forms import ActionForm
from keys.models import ApiKey

MAX_KEYS = 50
STEP_WORDS: dict[ranges.Step, Words] = {
    "minute": _("Minute"),
    "five_minutes": _("5 min"),
    "hour": _("Hour"),
    "day": _("Day"),
}


def _date(value: dt.date | None, *, is_end: bool = False) -> dt.date | None:
    """The date of a date or of a time; midnight as an end belongs to the day that ends."""
    if isinstance(value, dt.datetime):
        return (value - is_end * ranges.MOMENT).date()
    return value


class KeysField(forms.Field):
    """IDs of keys, as the address repeats them."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> list[str]:
        """Return what was sent, without what is empty."""
        return [text for text in value or [] if text]

    def validate(self, value: Any) -> None:
        """Refuse more than a page can name."""
        super().validate(value)
        if len(value) > MAX_KEYS:
            raise ValidationError(gettext("At most %(most)s keys can be chosen at once.") % {"most": MAX_KEYS})


class BoundaryField(forms.Field):
    """A date or, with a time after it, a time of the organisation's clock."""

    def to_python(self, value: Any) -> dt.date | dt.datetime | None:
        """Return the date or the naive time. Raises ValidationError."""
        text = value.strip() if value else ""
        try:
            if "T" in text:
                found = dt.datetime.strptime(text[:16], "%Y-%m-%dT%H:%M")
                _date(found, is_end=True)  # before the first moment of all there is none
                return found
            return dt.datetime.strptime(text, "%Y-%m-%d").date() if text else None
        except (ValueError, OverflowError):
            raise ValidationError(gettext("Write the date as 2026-11-17.")) from None


class FilterForm(forms.Form):
    """Dates, API key, Products, Show, split by product. What is missing has a default; what is wrong says so at the field."""

    range = forms.ChoiceField(choices=list(RANGES.items()), required=False)
    key = KeysField(required=False)
    product = forms.MultipleChoiceField(required=False)
    show = forms.ChoiceField(choices=list(ranges.STEPS.items()), required=False)
    split = forms.ChoiceField(choices=[("0", "No"), ("1", "Yes")], required=False)

    def __init__(self, data: QueryDict, *, organization: Organization, now: dt.datetime) -> None:
        super().__init__(data)
        self.sent = data
        self.organization, self.now = organization, now
        self.times: tuple[dt.datetime, dt.datetime] | None = None
        self.today = now.astimezone(organization.zone).date()
        self.catalogue = queries.catalogue()
        for name in ("from", "to"):
            self.fields[name] = BoundaryField(required=False)
        codes = [product.code for product in self.catalogue.values()] + [NO_PRODUCT_CODE]
        self.series = {*codes, *SERIES_CODES}
        self.fields["product"].choices = [(code, code) for code in codes]  # type: ignore[attr-defined]
        for name, words in (
            ("range", _("“%(value)s” is no range of dates.")),
            ("product", _("“%(value)s” is no product.")),
            ("show", _("“%(value)s” is no minute, five_minutes, hour or day.")),
        ):
            self.fields[name].error_messages["invalid_choice"] = words

    def clean(self) -> dict[str, Any]:
        """Check the dates against each other, today, and what is kept."""
        cleaned = super().clean() or {}
        self.range_name = cleaned.get("range") or ("own" if cleaned.get("from") or cleaned.get("to") else DEFAULT_RANGE)
        if self.range_name == "own" and "from" in cleaned and "to" in cleaned:
            last = _date(cleaned["to"], is_end=True) or self.today
            first = _date(cleaned["from"]) or max(max(last, self.oldest) - 6 * DAY, self.oldest)
            if last > self.today:
                self.add_error(
                    "to", gettext("This is in the future. Today is %(date)s.") % {"date": times.date_words(self.today)}
                )
            elif first > last:
                self.add_error("from", gettext("This is after the last date."))
            elif first < self.oldest:
                self.add_error("from", self._too_old())
            elif (last - first).days >= MAX_DAYS:
                self.add_error("from", gettext("At most %(most)s days can be shown at once.") % {"most": MAX_DAYS})
            elif last < self.oldest:
                self.add_error("to", self._too_old())
            self.dates = first, last
            if not self.errors:
                self._check_times(cleaned["from"], cleaned["to"])
        return cleaned

    def _too_old(self) -> str:
        text = gettext("Usage is kept for five years, back to %(date)s.")
        return text % {"date": times.date_words(self.oldest)}

    def _check_times(self, first: dt.date | None, last: dt.date | None) -> None:
        """Remember the instants where a time was asked for."""
        if not isinstance(first, dt.datetime) and not isinstance(last, dt.datetime):
            return
        zone = self.organization.zone
        start = (
            ranges.read_clock(first, zone) if isinstance(first, dt.datetime) else ranges.day_start(self.dates[0], zone)
        )
        if isinstance(last, dt.datetime):
            end = ranges.read_clock(last, zone, is_end=True)
        else:
            end = ranges.day_start(self.dates[1] + DAY, zone)
        if start >= end:
            self.add_error("from", gettext("This is not before the end."))
        elif start > self.now:
            self.add_error("from", gettext("This is in the future."))
        self.times = start, end

    def clean_key(self) -> tuple[ApiKey, ...]:
        """Find the keys among the organisation's own, deleted ones too. Raises Http404: other keys do not exist here."""
        asked = {public_ids.normalise(text, "key") for text in self.cleaned_data["key"]}
        found = self.organization.keys.filter(public_id__in=asked - {None}).order_by("name", "pk") if asked else ()
        if len(found) != len(asked):
            raise Http404
        return tuple(found)

    @property
    def oldest(self) -> dt.date:
        """The first date that can be asked for."""
        return self.today - KEPT_DAYS * DAY

    @property
    def period(self) -> Period:
        """The time that is asked for."""
        place: dict[str, Any] = {"now": self.now, "zone": self.organization.zone}
        if self.range_name == "own" and self.times:
            return Period.of_times(*self.times, **place)
        if self.range_name == "own":
            return Period.of_dates(*self.dates, **place)
        if self.range_name == "1h":
            return Period.of_last_hour(**place)
        if self.range_name == "12m":
            return Period.of_days(365, **place)
        if self.range_name == "24h":
            return Period.of_last_day(**place)
        return Period.of_days(int(self.range_name.removesuffix("d")), **place)

    def filters(self, view: View) -> Filters:
        """Return what was asked for. Call it on a valid form only."""
        cleaned, period = self.cleaned_data, self.period
        steps = period.steps
        is_stale = self.sent.get("was", self.range_name) != self.range_name  # chosen for another range
        asked = period.default_step if is_stale else cleaned["show"] or period.default_step
        if asked not in steps:  # the next coarser that is there
            order = list(ranges.STEPS)
            asked = next((step for step in order[order.index(asked) :] if step in steps), steps[-1])
        return Filters(
            view=view,
            range_name=self.range_name,
            period=period,
            step=asked,
            is_split=cleaned["split"] == "1" if cleaned["split"] else default_split(view),
            organization=self.organization,
            keys=cleaned["key"],
            products=tuple(product for product in self.catalogue.values() if product.code in cleaned["product"]),
            includes_no_product=NO_PRODUCT_CODE in cleaned["product"],
            catalogue=self.catalogue,
            hidden=tuple(dict.fromkeys(code for code in self.sent.getlist("hide") if code in self.series)),
        )

    def chosen(self, filters: Filters | None) -> dict[str, Any]:
        """Return what the fields show: the choice, or what was sent where it is wrong."""
        if filters:
            period = filters.period
            is_timed = filters.range_name == "own" and not period.is_dates
            dates = period.first.isoformat(), period.last.isoformat()
            first, last = period.bounds if is_timed else dates
            return {
                "range": filters.range_name,
                "from": first,
                "to": last,
                "is_timed": is_timed,
                "hidden": filters.hidden,
                "keys": [key.public_id for key in filters.keys],
                "products": filters.codes,
                "show": filters.step,
                "is_split": filters.is_split,
            }
        sent: dict[str, Any] = {name: self.sent.get(name, "") for name in ("range", "from", "to", "show")}
        sent["range"] = sent["range"] or ("own" if sent["from"] or sent["to"] else DEFAULT_RANGE)
        chosen = {"keys": self.sent.getlist("key"), "products": self.sent.getlist("product")}
        sent["is_timed"] = "T" in sent["from"] + sent["to"]
        return sent | chosen | {"is_split": self.sent.get("split") != "0"}

    def steps(self, filters: Filters | None) -> list[tuple[ranges.Step, Words]]:
        """Return the steps to choose from."""
        there = filters.period.steps if filters else ["hour", "day"]
        return [(step, STEP_WORDS[step]) for step in ranges.STEPS if step in there]

    def show_note(self, filters: Filters | None) -> str:
        """Say why another step is shown than was asked for."""
        asked: ranges.Step | None = self.cleaned_data.get("show") or None if filters else None
        if (
            not filters
            or not asked
            or asked == filters.step
            or self.sent.get("was", self.range_name) != self.range_name
        ):
            return ""
        if asked == "hour" and not filters.period.is_minutes:
            return gettext("Hours can be shown for up to 31 days; longer ranges are shown by the day.")
        text = gettext("This time is shown by the %(step)s: not everything is kept, or can be seen, by the %(asked)s.")
        return text % {"step": filters.step_words, "asked": times.STEPS[asked]}

    def asked_view(self) -> View:
        """Return the view that a CSV is asked for. Raises ValidationError."""
        view = self.sent.get("view", "usage")
        if view not in VIEWS:
            raise ValidationError(gettext("There is no such view."))
        return view

    def asks_for_keys(self) -> bool:
        """Whether a file is to have a line per key and product. Raises ValidationError."""
        rows = self.sent.get("rows", "")
        if rows not in ("", "keys"):
            raise ValidationError(gettext("There are no such rows."))
        return rows == "keys"


class ZoneForm(ActionForm):
    """In which time zone the days of an organisation begin."""

    time_zone = forms.ChoiceField(
        choices=lambda: [(name, name.replace("_", " ")) for name in sorted(zoneinfo.available_timezones())],
        label=_("Time zone"),
        widget=forms.Select(attrs={"class": "input"}),
    )
