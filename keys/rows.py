"""A key as lists show it, for templates that are filled in (dashboard/stamps.py): what their tags look at, and the texts.

What is known of its usage comes from `analytics.key_cards`, which puts rows together.
"""

import datetime as dt
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from django.conf import settings
from django.utils.safestring import SafeString
from django.utils.translation import pgettext

from accounts.roles import Member
from dashboard import form_token, languages, words
from dashboard.moments import Clock
from dashboard.stamps import Stamps
from dashboard.templatetags.ui import address_of
from keys.listing import SORTS, Group, KeyList, KeyRow

SHOWN_PRODUCTS: Final = 3
READINGS_MAX: Final = 1024
FORM_TOKEN: Final = f"token{secrets.token_hex(8)}"
"""Stands in rows where the token of the form will be, so that rows can be remembered."""


@dataclass(frozen=True, slots=True)
class Customer:
    """What rows look at of the organisation."""

    is_enterprise: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """What templates of a key's row and of its menu look at."""

    state: str
    is_copyable: bool
    is_disabled: bool
    disabled_by_staff: bool
    is_for_any_domain: bool
    is_new: bool


@dataclass(frozen=True, slots=True)
class Chips:
    """The products of a key, the first few of them shown."""

    products: tuple[str, ...]

    @property
    def shown_products(self) -> tuple[str, ...]:
        """The first few; the rest is behind a button."""
        return self.products[:SHOWN_PRODUCTS]

    @property
    def more_products(self) -> int:
        """How many are behind the button."""
        return max(0, len(self.products) - SHOWN_PRODUCTS)


@dataclass(frozen=True, slots=True)
class Deviation:
    """What deviates about a key, in one word, and of what more can be said."""

    kind: str
    has_reason: bool = False
    is_old_string_used: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """All that goes into rows but the keys themselves: one object for all requests of which it is the same."""

    organization_id: int | None
    organization_name: str
    is_enterprise: bool
    is_suspended: bool
    suspended_reason: str
    support_email: str
    role: str
    language: str
    zone: dt.tzinfo
    today: dt.date


_reading = lru_cache(maxsize=READINGS_MAX)(Reading)


class Reader:
    """Who reads a page of keys, asked once for all of its rows: the role, the organisation, the time."""

    def __init__(self, request: Any) -> None:
        organization, membership = request.organization, request.membership
        self.clock = Clock.of(organization)
        self.stamps = Stamps(self.clock.language)
        self.reading = _reading(
            organization.pk if organization else None,
            organization.name if organization else "",
            bool(organization and organization.is_enterprise),
            bool(organization and organization.suspended_at),
            organization.suspended_reason if organization else "",
            settings.SUPPORT_EMAIL,
            membership.role if membership else "",
            self.clock.language,
            self.clock.zone,
            self.clock.now.date(),
        )
        self.about = {
            "request": Member(self.reading.role),
            "organization": Customer(self.reading.is_enterprise),
        }


def shape(row: KeyRow) -> Shape:
    """Return what tags look at."""
    return Shape(
        row.state,
        row.is_copyable,
        row.is_disabled,
        row.disabled_by_staff,
        row.is_for_any_domain,
        row.is_new,
    )


def texts(row: KeyRow, reader: Reader) -> dict[str, str]:
    """Return the texts that cards and lines of a table have in common."""
    show = reader.clock.show
    return {
        "key_id": row.public_id,
        "name": row.name,
        "hint": row.hint,
        "csrf_token": FORM_TOKEN,
        "billing": row.billing,
        "domains": row.domain_words,
        "created": show(row.created_at),
        "rotated": show(row.rotated_at),
        "last_used": show(row.last_used_at, "ago"),
    }


def chips(row: KeyRow, reader: Reader) -> SafeString:
    """Return the products."""
    about, texts = {"row": Chips(row.products)}, {"key_id": row.public_id}
    return reader.stamps.fill("components/_products.html", about, texts)


def tools(found: KeyList, query: str, chosen: Mapping[str, str]) -> SafeString:
    """Return the form that narrows and sorts the list; what was chosen of what is not there counts as nothing."""
    about = {
        "has_state": bool(chosen["state"]),
        "products": found.products,
        "chosen_product": chosen["product"] if chosen["product"] in {each.code for each in found.products} else "",
        "sorts": tuple((code, str(word)) for code, word in found.sorts),
        "chosen_sort": chosen["sort"] if chosen["sort"] in SORTS else "",
    }
    return Stamps(languages.current()).fill("keys/_tools.html", about, {"query": query, "state": chosen["state"]})


def passing(row: KeyRow, reader: Reader) -> tuple[str, ...]:
    """Return what changes about a row though neither the key nor the day does: how long ago, how long still."""
    clock = reader.clock
    if not row.grace_ends_at:
        return (clock.ago(row.last_used_at),)
    return clock.ago(row.last_used_at), clock.ago(row.grace_last_used_at), clock.countdown(row.grace_ends_at)


def without_token(drawn: str) -> tuple[str, ...]:
    """Return a row cut where the token of its forms stands: to look for it in a whole page takes a tenth of the page's time."""
    return tuple(drawn.split(FORM_TOKEN))


def with_token(drawn: Iterable[tuple[str, ...]], request: Any) -> SafeString:
    """Join rows, with the token in their forms."""
    token = form_token.of(request)
    parts = []  # joined at once: a row by itself would be copied, and where a letter is not of Latin 1 slowly
    for first, *others in drawn:
        parts.append(first)
        for piece in others:
            parts += (token, piece)
    return SafeString("".join(parts))


def states(found: KeyList, request: Any, chosen: str) -> SafeString:
    """Return the choices of states above the list, with how many keys each has."""
    stamps = Stamps(languages.current())
    choices = [Group("", pgettext("keys", "All"), found.total), *found.groups]
    return SafeString(
        "".join(
            stamps.fill(
                "keys/_state.html",
                {"is_chosen": each.code == chosen},
                {
                    "address": address_of(request, state=each.code, page=None),
                    "word": str(each.word),
                    "count": words.number(each.count),
                },
            )
            for each in choices
        )
    )


def deviation(row: KeyRow, reading: Reading) -> Deviation | None:
    """Return what the notice below a key is about; None where nothing is to be said."""
    if reading.is_suspended:
        return Deviation("suspended", bool(reading.suspended_reason))
    if row.state == "disabled":
        kind = "barred" if row.disabled_by_staff else "disabled"
        return Deviation(kind, bool(row.disabled_reason))
    if row.state == "expired":
        return Deviation("expired")
    if row.grace_ends_at:
        return Deviation("grace", is_old_string_used=row.grace_last_used_at is not None)
    if row.state == "expiring":
        return Deviation("expiring")
    return Deviation("new") if row.is_new else None


def notice(row: KeyRow, reader: Reader) -> SafeString:
    """Return what deviates about a key, and what to do; empty where nothing does."""
    show, reading = reader.clock.show, reader.reading
    found = deviation(row, reading)
    if found is None:
        return SafeString("")
    texts = {
        "key_id": row.public_id,
        "name": row.name,
        "organization_name": reading.organization_name,
        "support_email": reading.support_email,
        "reason": reading.suspended_reason if found.kind == "suspended" else row.disabled_reason,
        "disabled_at": show(row.disabled_at, "said"),
        "ends": show(row.expires_at, "end"),
        "old_hint": row.grace_hint,
        "left": reader.clock.countdown(row.grace_ends_at),
        "until": show(row.grace_ends_at, "full"),
        "used_at": show(row.grace_last_used_at, "ago"),
    }
    return reader.stamps.fill("keys/_notice.html", {**reader.about, "notice": found}, texts)
