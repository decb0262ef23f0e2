"""What a person asked to see: view, dates, key, products, hours or days. One value that pages, tables and CSV share."""

from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Organization
from analytics.models import NO_PRODUCT
from analytics.ranges import Period, Step
from analytics.times import STEPS
from dashboard.words import Words
from keys.models import ApiKey, Product

View = Literal["usage", "breaches", "errors", "callers"]

DEFAULT_RANGE = "7d"
RANGES = {
    "1h": _("1 hour"), "24h": _("24 hours"), "7d": _("7 days"), "30d": _("30 days"), "90d": _("90 days"),
    "12m": _("12 months"), "own": pgettext_lazy("range of dates", "Other"),
}  # fmt: skip
VIEWS: dict[View, Words] = {
    "usage": _("Usage"),
    "breaches": _("QPS breaches"),
    "errors": _("Errors"),
    "callers": _("Callers"),
}
NO_PRODUCT_CODE, NO_PRODUCT_NAME = "none", _("No product")
"""Requests whose path belongs to no product."""

SERIES_CODES = ("other", "4xx", "5xx")
"""What the drawing can have beside products."""


def default_split(view: str) -> bool:
    """Whether a view is split by product where the address does not say; errors are split by class."""
    return view not in ("errors", "callers")


@dataclass(frozen=True, slots=True)
class Filters:
    """One choice of everything. No keys or products chosen means all of them."""

    view: View
    range_name: str
    period: Period
    step: Step
    is_split: bool
    organization: Organization
    keys: tuple[ApiKey, ...]
    products: tuple[Product, ...]
    includes_no_product: bool
    catalogue: dict[int, Product]
    hidden: tuple[str, ...] = ()
    """Codes of series that are left out of the drawing; everything else counts them."""

    @property
    def key(self) -> ApiKey | None:
        """The key, where exactly one is chosen."""
        return self.keys[0] if len(self.keys) == 1 else None

    @property
    def key_ids(self) -> list[int]:
        """The chosen keys, empty for all."""
        return [key.pk for key in self.keys]

    @property
    def step_words(self) -> str:
        """The step as people say it."""
        return str(STEPS[self.step])

    @property
    def product_ids(self) -> list[int]:
        """The chosen products, empty for all."""
        return [product.pk for product in self.products] + ([NO_PRODUCT] if self.includes_no_product else [])

    @property
    def codes(self) -> list[str]:
        """The chosen products as the address names them."""
        return [product.code for product in self.products] + ([NO_PRODUCT_CODE] if self.includes_no_product else [])

    @property
    def is_narrow(self) -> bool:
        """Whether less than the whole organisation is shown."""
        return bool(self.keys or self.product_ids)

    def name_of(self, product_id: int) -> str:
        """Name a product, also one that is retired."""
        product = self.catalogue.get(product_id)
        return product.name if product else str(NO_PRODUCT_NAME)

    def code_of(self, product_id: int) -> str:
        """Give the code of a product for addresses."""
        product = self.catalogue.get(product_id)
        return product.code if product else NO_PRODUCT_CODE

    def seen_as(self, view: View) -> "Filters":
        """Return the same choice in another view, which has its own default of the split."""
        follows = self.is_split == default_split(self.view)
        return replace(self, view=view, is_split=default_split(view) if follows else self.is_split)

    def query(self, **changes: Any) -> str:
        """Return the query part of this choice's address: what differs from the defaults, in one order.

        `changes` replace parameters by name; None takes one out.
        """
        found: dict[str, Any] = {
            "range": self.range_name if self.range_name != DEFAULT_RANGE else None,
            "from": self.period.bounds[0] if self.range_name == "own" else None,
            "to": self.period.bounds[1] if self.range_name == "own" else None,
            "key": [key.public_id for key in self.keys] or None,
            "product": self.codes or None,
            "show": self.step if self.step != self.period.default_step else None,
            "split": int(self.is_split) if self.is_split != default_split(self.view) else None,
            "hide": self.hidden or None,
        } | changes
        return urlencode({name: value for name, value in found.items() if value is not None}, doseq=True)

    def url(self, view: View | None = None, **changes: Any) -> str:
        """Return the address of this choice."""
        there = self.seen_as(view) if view else self
        query = there.query(**changes)
        return reverse(f"analytics:{there.view}") + (f"?{query}" if query else "")

    def zoom_url(self) -> str:
        """Return the address of this choice without its dates, to which `from` and `to` are added."""
        changes: dict[str, Any] = {"range": "own", "from": None, "to": None, "show": None}
        return self.url(**changes)

    def toggle_url(self, code: str) -> str:
        """Return the address of this choice with a series hidden, or shown again."""
        hidden = [each for each in self.hidden if each != code] if code in self.hidden else [*self.hidden, code]
        return self.url(hide=hidden or None)

    def sheet_url(self, name: str, **changes: Any) -> str:
        """Return the address of the same rows as a file: `csv`, `json`; `rows="keys"` for a line per key and product."""
        return f"{reverse(f'analytics:{name}')}?{self.query(view=self.view, **changes)}"
