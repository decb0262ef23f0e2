"""The list of keys: which there are, narrowed, and what a row shows of each; SQL, since a page of fifty is asked for all the time."""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from django.core.paginator import Page, Paginator
from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Organization
from dashboard import languages, public_ids
from dashboard.statements import Statement, read
from dashboard.words import Words
from keys import domains, traffic
from keys.models import ApiKey, BillingType
from keys.queries import PAGE_SIZE, STATE, hint_of, narrow, sought

SHOWN_DOMAINS = 3
ROWS_MAX = 4096
"""So many rows are remembered; one takes about a kilobyte."""
SORTS: dict[str, tuple[Words, str]] = {
    "created": (_("Newest first"), "created_at DESC, id DESC"),
    "name": (_("Name"), "name, id"),
    "used": (_("Last used first"), "last_used_at DESC NULLS LAST, id DESC"),
    "rotated": (_("Rotated longest ago"), "rotated_at ASC NULLS FIRST, created_at, id"),
}
GROUPS = {
    "healthy": (pgettext_lazy("keys", "Healthy"), ("healthy",)),
    "attention": (
        pgettext_lazy("keys", "Needs attention"),
        ("failing", "breaching", "limit", "grace", "expiring", "expired"),
    ),
    "disabled": (pgettext_lazy("keys", "Disabled"), ("disabled", "suspended")),
    "unused": (pgettext_lazy("keys", "Unused"), ("unused",)),
}


@dataclass(frozen=True, slots=True, eq=False)
class KeyRow:
    """One key as the list shows it: the same object as long as the database says the same of it. `state` is that of its record."""

    pk: int
    public_id: str
    name: str
    hint: str
    state: str
    billing: str
    products: tuple[str, ...]
    domains: tuple[str, ...]
    created_at: dt.datetime
    rotated_at: dt.datetime | None
    last_used_at: dt.datetime | None
    expires_at: dt.datetime | None
    disabled_at: dt.datetime | None
    disabled_reason: str
    disabled_by_staff: bool
    is_copyable: bool
    grace_hint: str
    grace_ends_at: dt.datetime | None
    grace_last_used_at: dt.datetime | None

    @property
    def domain_words(self) -> str:
        """The first few domains, and how many more there are."""
        more = len(self.domains) - SHOWN_DOMAINS
        return ", ".join(map(domains.readable, self.domains[:SHOWN_DOMAINS])) + (f" +{more}" if more > 0 else "")

    @property
    def is_for_any_domain(self) -> bool:
        """Whether the key names no domains."""
        return not self.domains

    @property
    def is_disabled(self) -> bool:
        """Whether its owner or the provider has disabled it, whatever else holds."""
        return self.disabled_at is not None

    @property
    def is_new(self) -> bool:
        """Whether it waits for its first request."""
        return self.state == "unused" and not self.last_used_at


@dataclass(frozen=True, slots=True)
class Group:
    """A choice of states above the list."""

    code: str
    word: Words
    count: int


@dataclass(frozen=True, slots=True)
class Choice:
    """A product above the list."""

    pk: int
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class KeyList:
    """A page of keys and what narrows it."""

    page: Page[int]
    rows: tuple[KeyRow, ...]
    groups: tuple[Group, ...]
    products: tuple[Choice, ...]
    sorts: tuple[tuple[str, Words], ...]
    is_narrowed: bool

    @property
    def total(self) -> int:
        """Keys of the organisation that pass search and product, in whatever state."""
        return sum(group.count for group in self.groups)


def key_list(
    organization: Organization,
    *,
    query: str = "",
    product: str = "",
    group: str = "",
    sort: str = "",
    number: str = "1",
) -> KeyList:
    """Return one page of an organisation's keys. Two queries, however many keys there are, and one more a minute for their traffic."""
    is_narrowed = bool(query or product)
    narrowed = statement_of(organization, query, product)
    noted = traffic.told(organization.pk)
    ((told, counted),) = read(_AROUND.replace("NARROWED", narrowed[0]), (*narrowed[1], *noted))
    products, counts = _products(told), counted or {}
    states = GROUPS[group][1] if group in GROUPS else None
    size = sum(counts.get(state, 0) for state in states or counts)
    page = Paginator(range(size), PAGE_SIZE).get_page(number)
    groups = tuple(
        Group(code, word, sum(counts.get(state, 0) for state in held)) for code, (word, held) in GROUPS.items()
    )
    return KeyList(
        page=page,
        rows=_rows(narrowed, products, noted, states, SORTS.get(sort, SORTS["created"])[1], page)
        if page.object_list
        else (),
        groups=groups,
        products=products,
        sorts=tuple((code, word) for code, (word, _) in SORTS.items()),
        is_narrowed=is_narrowed or bool(group),
    )


def one_row(key: ApiKey) -> dict[str, Any]:
    """Return one key as the list shows it: `row`, and `rows` with it alone. Two queries."""
    one = _sql(ApiKey.objects.filter(pk=key.pk))
    ((told,),) = read(_PRODUCTS)
    (row,) = _rows(one, _products(told), ([], []), None, "id", Paginator([0], 1).page(1))
    return {"row": row, "rows": (row,)}


_COLUMNS = (
    "id", "public_id", "organization_id", "name", "billing_type", "allowed_domains", "created_at", "rotated_at", "last_used_at",
    "expires_at", "disabled_at", "disabled_reason", "disabled_by_staff",
)  # fmt: skip
_PRODUCTS = (
    "SELECT coalesce(json_agg(json_build_array(id, code, name) ORDER BY position, name), '[]')::text FROM keys_product"
)
_NOTED = "LEFT JOIN unnest(%s::bigint[], %s::text[]) AS noted (key_id, state) ON noted.key_id = keys.id"
_SAID = traffic.state_with("noted.state", "keys.state")
# What products there are, and how many keys in each state. OFFSET 0: what a record says is worked out once for each key.
_AROUND = f"""
SELECT ({_PRODUCTS}), (
    SELECT json_object_agg(state, count) FROM (
        SELECT {_SAID} AS state, count(*) AS count FROM (SELECT id, {STATE} AS state FROM (NARROWED) AS keys_apikey OFFSET 0) AS keys
        {_NOTED} GROUP BY 1
    ) AS counted)
"""  # noqa: S608 - put together from constants of this module

# First the page of keys, then what rows need from other tables, so that this is looked for fifty times at most.
_ROWS = f"""
SELECT json_build_array(key.id, key.public_id, key.name, current.hint, key.state, key.billing_type,
    ARRAY(SELECT held.product_id FROM keys_keyproduct AS held WHERE held.key_id = key.id),
    key.allowed_domains, key.created_at, key.rotated_at, key.last_used_at, key.expires_at, key.disabled_at, key.disabled_reason,
    key.disabled_by_staff, current.sealed IS NOT NULL AND NOT organization.shows_secrets_once,
    coalesce(old.hint, ''), old.expires_at, old.last_used_at)::text
FROM (
    SELECT keys.* FROM (SELECT keys_apikey.*, {STATE} AS state FROM (NARROWED) AS keys_apikey) AS keys
    OF_STATES ORDER BY SORTED LIMIT SIZE OFFSET %s
) AS key
JOIN accounts_organization AS organization ON organization.id = key.organization_id
LEFT JOIN keys_keysecret AS current ON current.key_id = key.id AND current.retired_at IS NULL AND current.expires_at IS NULL
LEFT JOIN keys_keysecret AS old ON old.key_id = key.id AND old.retired_at IS NULL AND old.expires_at > statement_timestamp()
ORDER BY SORTED
"""  # noqa: S608 - put together from constants of this module


def _sql(keys: QuerySet[ApiKey]) -> tuple[str, tuple[Any, ...]]:
    """Return a statement for keys and its parameters, to be read from by another."""
    statement, parameters = keys.order_by().values_list(*_COLUMNS).query.sql_with_params()
    return statement, tuple(parameters)


# What is looked for while a search is compiled. Three kinds of queries make three statements (`queries.narrow`); in texts of
# two, three dots tell what is looked for in hints.
_TEXT, _SHORT, _ID, _PRODUCT = "any...text", "...", "key_0000000000000000", "any-product-7316048259"


@cache
def _statement(query: str, product: str) -> Statement:
    return Statement(
        lambda pk: narrow(Organization(pk=pk).keys.kept(), query, product).order_by().values_list(*_COLUMNS)
    )


def statement_of(organization: Organization, query: str, product: str) -> tuple[str, tuple[Any, ...]]:
    """Return the statement for the keys that a search finds, compiled once for its kind where it is ASCII, and its parameters."""
    query = sought(query)
    if not query.isascii():  # names of domains are looked for in their other form, too
        return _sql(narrow(organization.keys.kept(), query, product))
    public_id = public_ids.normalise(query, "key")
    kind = _ID if public_id else _TEXT if len(query) >= 4 else _SHORT if query else ""
    statement, parameters = _statement(kind, _PRODUCT if product else "").of(organization.pk)
    meant = {
        _like(kind): _like(query),
        _like(hint_of(kind)): _like(hint_of(query)),
        _ID: public_id,
        _PRODUCT: product,
    }
    return statement, tuple(meant.get(each, each) for each in parameters)


def _like(text: str) -> str:
    return f"%{connection.ops.prep_for_like_query(text)}%"


def _rows(
    narrowed: tuple[str, tuple[Any, ...]],
    products: tuple[Choice, ...],
    noted: tuple[list[int], list[str]],
    states: tuple[str, ...] | None,
    order: str,
    page: Page[int],
) -> tuple[KeyRow, ...]:
    """Return a page's rows. `states` None: of every state."""
    statement, parameters = narrowed
    wanted = () if states is None else (*noted, list(states))
    sorted_by = ", ".join(f"key.{part}" for part in order.split(", "))
    head, _, tail = _ROWS.rpartition("SORTED")
    whole = f"{head.replace('SORTED', order)}{sorted_by}{tail}".replace("SIZE", str(page.paginator.per_page))
    whole = whole.replace("OF_STATES", f"{_NOTED} WHERE {_SAID} = ANY(%s::text[])" if wanted else "").replace(
        "NARROWED", statement
    )
    window = (*wanted, page.start_index() - 1)
    words = _words(products, languages.current())
    return tuple(_row(told, words) for (told,) in read(whole, (*parameters, *window)))


@lru_cache
def _products(told: str) -> tuple[Choice, ...]:
    return tuple(Choice(*product) for product in json.loads(told))


@dataclass(frozen=True, slots=True, eq=False)
class _Words:
    """What is said in rows for what keys only name: products in the order of the list, ways of billing."""

    products: tuple[Choice, ...]
    billing: Mapping[str, str]


@lru_cache
def _words(products: tuple[Choice, ...], language: str) -> _Words:
    return _Words(products, {code: str(label) for code, label in BillingType.choices})


@lru_cache(maxsize=ROWS_MAX)
def _row(told: str, words: _Words) -> KeyRow:
    """Return a row by what the database tells of it."""
    pk, public_id, name, hint, state, billing, held, allowed, *values = json.loads(told)
    products = tuple(product.name for product in words.products if product.pk in held)
    created_at, rotated_at, last_used_at, expires_at, disabled_at, reason, by_staff, is_copyable, *grace = values
    grace_hint, grace_ends_at, grace_last_used_at = grace
    return KeyRow(
        pk, public_id, name, hint, state, words.billing[billing], products, tuple(allowed),
        dt.datetime.fromisoformat(created_at), _moment(rotated_at), _moment(last_used_at), _moment(expires_at), _moment(disabled_at),
        reason, by_staff, is_copyable, grace_hint, _moment(grace_ends_at), _moment(grace_last_used_at),
    )  # fmt: skip


def _moment(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None
