"""Two customers with one of everything, the people who try to reach the first, and what of it must stay untouched."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import Model, Q, QuerySet
from django.test import Client

from accounts.models import Invitation, Membership, Organization, Role, User
from alerts.models import Alert
from keys.models import ApiKey, QpsRequest
from notices import outbox
from notices.models import Notice
from tests.alerts.making import make_alert
from tests.factories import Cast, KeyFactory, UserFactory, join, products
from tests.support.staff import log_request, staff_with


@dataclass(frozen=True)
class Things:
    """One of each thing of a customer that an address can name."""

    organization: Organization
    key: ApiKey
    qps_request: QpsRequest
    invitation: Invitation
    notice: Notice
    alert: Alert
    tracking_id: str

    @cached_property
    def named(self) -> dict[str, str]:
        """Public IDs by the relation in which the matrix looks for them."""
        return {
            "keys": self.key.public_id,
            "invitations": self.invitation.public_id,
            "alerts": self.alert.public_id,
            "memberships": self.organization.memberships.last().public_id,
        }

    @cached_property
    def identifiers(self) -> dict[str, Any]:
        """What a forged query or body names: IDs, also those of the database, under every name that is in use."""
        organization, key = self.organization, self.key
        return {
            "public_id": key.public_id, "key": key.public_id, "key_id": key.pk, "id": key.pk, "request_id": self.qps_request.public_id,
            "organization": organization.public_id, "organization_id": organization.pk, "organization_pk": organization.pk,
            "user": organization.memberships.first().user_id, "member": organization.memberships.last().pk, "deleted": key.public_id, "receipt": "edited",
        }  # fmt: skip


@dataclass
class Person:
    """Somebody with a browser. `role` is theirs in customer A, `other_role` in customer B."""

    name: str
    user: User | None
    role: str | None = None
    other_role: str | None = None
    client: Client = field(default_factory=Client)

    def __post_init__(self) -> None:
        if self.user is not None:
            self.client.force_login(self.user)
        self.cookies = {name: morsel.value for name, morsel in self.client.cookies.items()}

    @property
    def is_staff(self) -> bool:
        return self.user is not None and self.user.is_staff


@dataclass(frozen=True)
class World:
    """Customer A, customer B, and everybody."""

    a: Things
    b: Things
    people: list[Person]
    words: tuple[str, ...]
    """Names, addresses and IDs of A, which nobody else may read."""

    def person(self, name: str) -> Person:
        return next(person for person in self.people if person.name == name)


def make_world(cast: Cast) -> World:
    a, b = _things(cast.northwind, cast.key, cast.ada), _things(cast.other, cast.other_key, cast.mallory)
    una = join(cast.northwind, UserFactory(email="una@northwind.example"), Role.ADMIN)
    former, moved = UserFactory(email="former@example.com"), UserFactory(email="moved@example.com")
    for person in (former, moved):
        join(cast.northwind, person, Role.ADMIN)
        Membership.objects.get(user=person).delete()
    join(cast.other, moved, Role.VIEWER)
    people = [
        Person("anonymous", None),
        Person("Mallory", cast.mallory, other_role=Role.OWNER),
        Person("moved", moved, other_role=Role.VIEWER),
        Person("former", former),
        Person("Tess", staff_with()),
        Person("Vera", cast.vera, Role.VIEWER),
        Person("Ben", cast.ben, Role.DEVELOPER),
        Person("Una", una, Role.ADMIN),
        Person("Ada", cast.ada, Role.OWNER),
    ]
    words = (
        "Northwind", "northwind", "Fleet tracking", "Nowak", cast.northwind.slug, a.key.public_id, a.key.current_secret.hint,
        cast.northwind.public_id, a.qps_request.public_id, a.invitation.public_id, a.invitation.email, "Trucks for Fleet",
        a.alert.public_id,
    )  # fmt: skip
    return World(a, b, people, words)


def _things(organization: Organization, key: ApiKey, owner: User) -> Things:
    key.rotate(by=owner, version=key.version, delay=dt.timedelta(hours=5))
    (product,) = products("search")
    wish = QpsRequest.submit(key=key, product=product, requested=70, reason=f"Trucks for {key}", by=owner)
    KeyFactory(organization=organization, name="Fleet tracking, second" if key.name == "Fleet tracking" else "Spare")
    invitation, _ = Invitation.send(
        organization=organization, email=f"new@{key.pk}.example", role=Role.VIEWER, by=owner
    )
    outbox.post("organization.changed", organization=organization, people=[owner], context={"what": f"New: {key}"})
    alert = make_alert(key, name=f"Errors of {key}")
    log_request(key, tracking_id=f"trace-{key.pk}")
    return Things(organization, key, wish, invitation, Notice.objects.get(person=owner), alert, f"trace-{key.pk}")


def rows_of(organization: Organization) -> Iterator[QuerySet[Model]]:
    """Every row of every table that is a customer's, or of its people."""
    for model in apps.get_models():
        names = {each.name for each in model._meta.concrete_fields}
        if model is Organization:
            yield model.objects.filter(pk=organization.pk)
        elif model is User:
            yield model.objects.filter(memberships__organization=organization)
        elif "organization" in names:
            yield model.objects.filter(organization=organization)
        elif "organization_id" in names:
            yield model.objects.filter(organization_id=organization.pk)
        elif "key" in names and model._meta.get_field("key").related_model is ApiKey:
            yield model.objects.filter(key__organization=organization)
        elif "user" in names and model._meta.label != "keys.Submission":
            yield model.objects.filter(Q(user__memberships__organization=organization))


class Fingerprint:
    """Hashes of all these rows, table by table; who signed in last when is not part of it."""

    def __init__(self, organization: Organization) -> None:
        parts, self.parameters = [], []
        for number, rows in enumerate(rows_of(organization)):
            columns = [each.attname for each in rows.model._meta.concrete_fields if each.name != "last_login"]
            statement, parameters = rows.order_by().values_list(*columns).query.sql_with_params()
            hashed = "md5(string_agg(each::text, ';' ORDER BY each::text))"
            parts.append(f"SELECT {number} AS number, {hashed} FROM ({statement}) AS each")
            self.parameters += parameters
        self.statement = f"{' UNION ALL '.join(parts)} ORDER BY number"

    def take(self) -> list[tuple[int, str | None]]:
        with connection.cursor() as cursor:
            cursor.execute(self.statement, self.parameters)
            return cursor.fetchall()
