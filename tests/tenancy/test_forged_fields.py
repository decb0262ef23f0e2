"""Every form of a customer is sent with the names of all columns there are: it changes what it offers, and nothing else."""

import logging
from collections.abc import Iterator
from http.cookies import SimpleCookie

from django.apps import apps
from django.db import models, transaction
from lxml import html

from accounts import roles
from accounts.checks import addresses
from accounts.models import Invitation, Membership, Organization, User
from accounts.roles import PERSON
from alerts.models import Alert
from keys.models import ApiKey, KeyProduct, KeySecret, QpsRequest
from tests.tenancy.test_every_cell import parameters, url_of
from tests.tenancy.world import World, make_world

OURS = ("accounts", "keys", "alerts", "notices", "support")
FORGED_ID, FORGED_MOMENT = "key_FORGEDFORGEDFORG", "2001-01-01T00:00"
GUARDED: dict[type[models.Model], tuple[str, ...]] = {
    User: ("is_staff", "is_superuser", "is_active", "date_joined", "email", "groups"),
    Organization: ("public_id", "slug", "plan", "suspended_at", "suspended_reason", "created_at"),
    Membership: ("public_id", "user_id", "organization_id", "created_at"),
    Invitation: ("public_id", "organization_id", "email", "accepted_by_id"),
    ApiKey: ("public_id", "organization_id", "billing_type", "created_at", "created_by_id", "disabled_by_staff", "last_used_at"),
    KeySecret: ("key_id", "number", "hint", "digest", "created_at", "last_used_at"),
    KeyProduct: ("key_id", "product_id", "qps_limit"),
    QpsRequest: ("public_id", "key_id", "product_id", "current", "requested", "reason", "granted"),
    Alert: ("public_id", "organization_id", "condition", "fired_at", "created_by_id"),
}  # fmt: skip
"""What no form of a customer changes of a row that is there."""


def forged_fields(world: World) -> dict[str, str]:
    """A value for the name of every column of ours, and for that of every relation."""
    found: dict[str, str] = {}
    for model in apps.get_models():
        if model._meta.app_label not in OURS:
            continue
        for field in model._meta.concrete_fields:
            related = field.related_model
            if field.name == "public_id":
                value = FORGED_ID
            elif related is Organization:
                value = str(world.b.organization.pk)
            elif related is not None:
                value = str(related._base_manager.values_list("pk", flat=True).last() or 1)
            elif isinstance(field, models.DateTimeField):
                value = FORGED_MOMENT
            elif field.choices:
                value = str(list(field.choices)[-1][0])
            else:
                value = "on" if isinstance(field, models.BooleanField) else "7"
            found |= {field.name: value, field.attname: value}
    return found | {"groups": "1", "user_permissions": "1", "token": ""}


def guarded() -> dict[tuple[str, int], tuple[object, ...]]:
    return {
        (model._meta.label, pk): tuple(bytes(value) if isinstance(value, memoryview) else value for value in values)
        for model, columns in GUARDED.items()
        for pk, *values in model._base_manager.values_list("pk", *columns).order_by("pk")
    }


def forged_rows() -> Iterator[str]:
    """Rows with an ID or a time that only the forged fields have."""
    for model in apps.get_models():
        names = {field.name for field in model._meta.concrete_fields}
        if "public_id" in names and model._base_manager.filter(public_id=FORGED_ID).exists():
            yield f"{model._meta.label}.public_id"
        if "created_at" in names and model._base_manager.filter(created_at__year=2001).exists():
            yield f"{model._meta.label}.created_at"


def own_fields(page: bytes, url: str) -> dict[str, object]:
    """What the page's own form would send to an address as it stands."""
    for form in html.fromstring(page or b"<p>").cssselect("form[method=post]"):
        if form.get("action", url).partition("?")[0] == url:
            return dict(form.form_values())
    return {}


def test_no_form_sets_what_it_does_not_offer(cast, caplog, record_property):
    caplog.set_level(logging.CRITICAL, "django.request")
    world = make_world(cast)
    ada, forged = world.person("Ada"), forged_fields(world)
    before, wrong, sent, taken = guarded(), [], 0, 0
    for address in addresses():
        route = roles.matrix().find(address.name)
        if not route.who.get("POST", frozenset()) & {"owner", PERSON}:
            continue
        url = url_of(address, parameters(address, route, world.a))
        ada.client.cookies = SimpleCookie(ada.cookies)
        with transaction.atomic():
            page = ada.client.get(url)
            fields = own_fields(page.content, url) if page.status_code == 200 else {}
            answer = ada.client.post(url, {**forged, **fields})
            after = guarded()
            changed = [row for row in before if row in after and before[row] != after[row]]
            wrong += [(address.name, row, before[row], after[row]) for row in changed]
            wrong += [(address.name, found) for found in forged_rows()]
            transaction.set_rollback(True)
        sent, taken = sent + 1, taken + (answer.status_code in {200, 204, 302})
    record_property("said", f"Forms sent with {len(forged)} forged fields: {sent}, {taken} taken, {len(wrong)} wrong")
    assert wrong == []
    assert sent > 40
    assert taken > sent / 2
