"""The cast of the tests, made through the real verbs."""

from dataclasses import dataclass

import factory

from accounts.models import Membership, Organization, Plan, Role, User
from keys.models import ApiKey, Product

PASSWORD = "correct horse battery"


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = User

    email = factory.Sequence(lambda n: f"person{n}@example.com")

    @classmethod
    def _create(cls, model_class, *args, **kwargs):
        user = model_class.objects.create_user(*args, **{"password": PASSWORD} | kwargs)
        user.emailaddress_set.create(email=user.email, verified=True, primary=True)
        return user


class OrganizationFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Organization

    name = factory.Sequence(lambda n: f"Customer {n}")
    owner = factory.SubFactory(UserFactory)
    plan = Plan.ENTERPRISE

    @classmethod
    def _create(cls, model_class, *args, **kwargs):
        return model_class.register(*args, **kwargs)


class KeyFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = ApiKey

    organization = factory.SubFactory(OrganizationFactory)
    name = factory.Sequence(lambda n: f"Key {n}")

    @classmethod
    def _create(cls, model_class, *args, **kwargs):
        organization = kwargs["organization"]
        kwargs.setdefault("by", organization.memberships.get(role=Role.OWNER).user)
        kwargs.setdefault("products", products("map-display", "search"))
        return model_class.create(*args, **kwargs)


def products(*codes: str) -> list[Product]:
    """Products of the default catalogue by their codes."""
    found = list(Product.objects.filter(code__in=codes))
    assert len(found) == len(codes), codes
    return found


def join(organization: Organization, user: User, role: str) -> User:
    """Make a person a member."""
    Membership.objects.create(organization=organization, user=user, role=role)
    return user


def string_of(key: ApiKey) -> str:
    """The current string of a key, without an audit event."""
    return key.current_string()


@dataclass(frozen=True)
class Cast:
    """Ada owns Northwind (enterprise), Ben develops, Vera looks; Mallory owns another customer; Sam is staff."""

    ada: User
    ben: User
    vera: User
    mallory: User
    sam: User
    northwind: Organization
    key: ApiKey
    other: Organization
    other_key: ApiKey


def make_cast() -> Cast:
    ada = UserFactory(email="ada@northwind.example", first_name="Ada", last_name="Nowak")
    northwind = OrganizationFactory(name="Northwind Routing", owner=ada)
    mallory = UserFactory(email="mallory@other.example")
    other = OrganizationFactory(name="Other Maps", owner=mallory)
    return Cast(
        ada=ada,
        ben=join(northwind, UserFactory(email="ben@northwind.example"), Role.DEVELOPER),
        vera=join(northwind, UserFactory(email="vera@northwind.example"), Role.VIEWER),
        mallory=mallory,
        sam=UserFactory(email="sam@latchkey.example", is_staff=True, is_superuser=True),
        northwind=northwind,
        key=KeyFactory(organization=northwind, name="Fleet tracking"),
        other=other,
        other_key=KeyFactory(organization=other, name="Their key"),
    )
