"""Every way in which a key, or part of what it may do, is taken away; and clients that watch when it holds."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import psycopg
from django.test import Client
from django.utils import timezone

from accounts.models import Organization, User
from keys.models import ApiKey, KeyProduct
from tests.factories import products
from tests.gateway.http import Answer
from tests.gateway.processes import Gateway, database_url
from tests.page import Browser

TRAFFIC = "/traffic/x"
HOST = "https://example.com"
PRODUCTS = ("map-display", "search", "traffic")
DOMAINS = ["example.com", "example.org"]


@dataclass(frozen=True)
class Case:
    """A key that may use Traffic from example.com, its organisation, a member who may change it, and one of the staff."""

    key: ApiKey
    organization: Organization
    by: User
    staff: User


def edit(case: Case, *codes: str, domains: list[str] = DOMAINS) -> None:
    case.key.edit(
        by=case.by, version=case.key.version, name=case.key.name, products=products(*codes), allowed_domains=domains
    )


def sql(statement: str, pick: Callable[[Case], object], case: Case) -> None:
    """Run a statement with one value, past everything but the database."""
    with psycopg.connect(database_url(), autocommit=True) as raw:
        raw.execute(statement, (pick(case),))


def page(path: str, changes: dict[str, object], case: Case) -> None:
    """Send the form of a page as the member."""
    answer = browser(case.by).submit(f"/keys/{case.key.public_id}/{path}", **changes)
    assert answer.status in {200, 302}, answer.text[:300]


def admin(model: str, action: str, pick: Callable[[Case], int], case: Case) -> None:
    """Run a bulk action of the admin as one of the staff."""
    fields = {"action": action, "_selected_action": [pick(case)], "answered": "1", "reason": "Abuse"}
    answer = browser(case.staff).post(f"/admin/{model}/", fields, follow=True)
    assert answer.status == 200, answer.text[:300]


def browser(person: User) -> Browser:
    client = Client()
    client.force_login(person)
    return Browser(client)


def key_id(case: Case) -> int:
    return case.key.pk


def organization_id(case: Case) -> int:
    return case.organization.pk


LOWERED = "limit lowered"
CHANGES: dict[str, tuple[Callable[[Case], object], str]] = {
    "rotate now": (lambda c: c.key.rotate(by=c.by, version=c.key.version), "expired_key"),
    "rotate now by page": (partial(page, "rotate/?step=2", {"delay": "0"}), "expired_key"),
    "disable": (lambda c: c.key.disable(by=c.by, reason="x"), "disabled_key"),
    "disable in bulk by admin": (partial(admin, "keys/apikey", "disable_chosen", key_id), "disabled_key"),
    "delete": (lambda c: c.key.mark_deleted(by=c.by), "unknown_key"),
    "delete by page": (lambda c: page("delete/", {"name": c.key.name}, c), "unknown_key"),
    "product removed": (lambda c: edit(c, "search"), "product_not_allowed"),
    "domain removed": (lambda c: edit(c, *PRODUCTS, domains=["example.org"]), "domain_not_allowed"),
    "domain removed by page": (partial(page, "edit/", {"allowed_domains": "example.org"}), "domain_not_allowed"),
    "organisation suspended": (lambda c: c.organization.suspend(by=c.staff, reason="x"), "suspended"),
    "organisation suspended in bulk by admin": (
        partial(admin, "accounts/organization", "suspend_chosen", organization_id), "suspended",
    ),
    "bulk update": (
        lambda c: ApiKey.objects.filter(pk=c.key.pk).update(disabled_at=timezone.now()), "disabled_key",
    ),
    "raw SQL on the key": (
        partial(sql, "UPDATE keys_apikey SET expires_at = now() WHERE id = %s", key_id), "expired_key",
    ),
    "raw SQL on the string": (
        partial(sql, "UPDATE keys_keysecret SET retired_at = now(), sealed = NULL WHERE key_id = %s", key_id),
        "expired_key",
    ),
    "raw SQL on the organisation": (
        partial(sql, "UPDATE accounts_organization SET suspended_at = now() WHERE id = %s", organization_id),
        "suspended",
    ),
    "product deleted from the key by raw SQL": (
        partial(sql, "DELETE FROM keys_keyproduct WHERE key_id = %s", key_id), "product_not_allowed",
    ),
    LOWERED: (
        lambda c: KeyProduct.objects.filter(key=c.key, product__code="traffic").update(qps_limit=7), "the lower limit",
    ),
}  # fmt: skip
"""What may be done to a key, and what its requests are answered afterwards."""


def verdict_of(answer: Answer) -> str:
    """`allowed`, the code of the problem, or `the lower limit`."""
    if answer.headers["RateLimit-Limit"] == "7":
        return "the lower limit"
    return "allowed" if answer.status == 200 else answer.code


@dataclass
class _Task:
    string: str
    seen: dict[str, list[tuple[float, str]]] = field(default_factory=dict)
    """By gateway: when (seconds since 1970) and what was answered, whenever that changed."""


class Watch:
    """One client for each gateway, which asks with the same string all the time."""

    def __init__(self, gateways: list[Gateway], pause_s: float = 0.002) -> None:
        self._task: _Task | None = None
        self._pause_s = pause_s
        self._stopping = threading.Event()
        self._names = [gateway.name for gateway in gateways]
        self._threads = [threading.Thread(target=self._ask, args=(gateway,), daemon=True) for gateway in gateways]
        for thread in self._threads:
            thread.start()

    def begin(self, string: str) -> None:
        """Ask with this string from now on."""
        self._task = _Task(string, {name: [] for name in self._names})

    def is_everywhere(self, wanted: str) -> bool:
        """Whether the last answer of each gateway was this one."""
        assert self._task is not None
        return all(seen and seen[-1][1] == wanted for seen in self._task.seen.values())

    def history(self) -> dict[str, list[tuple[float, str]]]:
        """What each gateway answered since `begin`, and from when on."""
        assert self._task is not None
        return self._task.seen

    def close(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(10)

    def _ask(self, gateway: Gateway) -> None:
        http = gateway.http()
        while not self._stopping.is_set():
            time.sleep(self._pause_s)
            task = self._task
            if task is None:
                continue
            answer = http.ask("/authorize", x_original_uri=TRAFFIC, x_api_key=task.string, origin=HOST)
            verdict, seen = verdict_of(answer), task.seen[gateway.name]
            if not seen or seen[-1][1] != verdict:
                seen.append((time.time(), verdict))
        http.close()
