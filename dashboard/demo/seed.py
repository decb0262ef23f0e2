"""Make the demo's customers, people and keys through the same verbs that people use, at moments in the past."""

import datetime as dt
from collections.abc import Callable

from allauth.account.models import EmailAddress
from django.db import transaction
from django.utils import timezone

from accounts.models import Membership, Organization, User
from dashboard.demo.cast import ADMIN, CUSTOMERS, PASSWORD, CustomerSpec, KeySpec
from keys.models import ApiKey, Product, QpsRequest

DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)


def is_seeded() -> bool:
    """Whether the demo's data are there."""
    return User.objects.filter(email=ADMIN).exists()


def seed(customers: tuple[CustomerSpec, ...] = CUSTOMERS) -> None:
    """Make everything but usage. All or nothing."""
    now = timezone.now()
    with transaction.atomic():
        admin = _person(ADMIN, "Sam Staff")
        admin.is_staff = admin.is_superuser = True
        admin.save(update_fields=["is_staff", "is_superuser"])
        for customer in customers:
            _customer(customer, admin, now)


def _person(email: str, name: str) -> User:
    first, _, last = name.partition(" ")
    user = User.objects.create_user(email, PASSWORD, first_name=first, last_name=last)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def _customer(spec: CustomerSpec, admin: User, now: dt.datetime) -> None:
    oldest = max(key.age_days for key in spec.keys)
    people = [_person(email, name) for email, name, _ in spec.people]
    organization = Organization.register(
        name=spec.name, owner=people[0], plan=spec.plan, time_zone=spec.time_zone, at=now - (oldest + 1) * DAY
    )
    for user, (_, _, role) in zip(people[1:], spec.people[1:], strict=True):
        Membership.objects.create(user=user, organization=organization, role=role, created_at=now - oldest * DAY)
    catalogue = {product.code: product for product in Product.objects.all()}
    for key_spec in sorted(spec.keys, key=lambda each: -each.age_days):
        first = key_spec.name == "My first API key"
        codes = catalogue if first else key_spec.daily
        key = ApiKey.create(
            organization=organization,
            name=key_spec.name,
            by=people[0],
            products=[catalogue[code] for code in codes],
            billing_type=key_spec.billing,
            allowed_domains=key_spec.domains,
            expires_at=_end_date(key_spec, now),
            at=now - key_spec.age_days * DAY - 3 * HOUR,
        )
        for chapter in key_spec.story:
            if tell := STORIES.get(chapter):
                tell(key, people, admin, now)


def _end_date(spec: KeySpec, now: dt.datetime) -> dt.datetime | None:
    ends = {"expires soon": now + 6 * DAY, "expired": now - 2 * DAY}
    return next((ends[chapter] for chapter in spec.story if chapter in ends), None)


Tell = Callable[[ApiKey, list[User], User, dt.datetime], None]


def _rotated(days: int) -> Tell:
    def tell(key: ApiKey, people: list[User], admin: User, now: dt.datetime) -> None:
        key.rotate(by=people[0], version=key.version, delay=24 * HOUR, at=now - days * DAY)

    return tell


def _in_grace(key: ApiKey, people: list[User], admin: User, now: dt.datetime) -> None:
    key.rotate(by=people[0], version=key.version, at=now - 100 * DAY)
    key.rotate(by=people[-2] if len(people) > 2 else people[0], version=key.version, delay=24 * HOUR, at=now - 3 * HOUR)


def _disabled(key: ApiKey, people: list[User], admin: User, now: dt.datetime) -> None:
    reason = "the key was found in a public repository; rotate it and tell us"
    key.disable(by=admin, reason=reason, as_staff=True, at=now - 5 * DAY)


def _disabled_by_owner(key: ApiKey, people: list[User], admin: User, now: dt.datetime) -> None:
    key.disable(by=people[0], reason="the hackathon is over", at=now - 20 * DAY)


def _deleted(key: ApiKey, people: list[User], admin: User, now: dt.datetime) -> None:
    key.mark_deleted(by=people[0], at=now - 9 * DAY)


def _ask(key: ApiKey, code: str, qps: int, reason: str, by: User, at: dt.datetime) -> QpsRequest:
    return QpsRequest.submit(
        key=key, product=Product.objects.get(code=code), requested=qps, reason=reason, by=by, at=at
    )


def _qps_approved(key: ApiKey, people: list[User], admin: User, now: dt.datetime) -> None:
    reason = "200 more vehicles from the first of the month."
    _ask(key, "routing", 20, reason, people[0], now - 22 * DAY).approve(
        by=admin, note="Fits your agreement.", at=now - 20 * DAY
    )
    _ask(key, "matrix-routing", 25, "Replanning every five minutes.", people[1], now - 1 * DAY)


def _qps_pending(key: ApiKey, people: list[User], admin: User, now: dt.datetime) -> None:
    _ask(key, "search", 10, "Autocomplete goes live on 1 December.", people[1], now - 40 * DAY).approve(
        by=admin, at=now - 39 * DAY
    )
    reason = "The morning planning run goes over 10 every day."
    _ask(key, "matrix-routing", 16, reason, people[1], now - 2 * DAY)


def _qps_rejected(key: ApiKey, people: list[User], admin: User, now: dt.datetime) -> None:
    _ask(key, "geocoding", 500, "To be safe.", people[1], now - 30 * DAY).reject(
        by=admin, note="Your peak is 7. Ask for what you need, with some room.", at=now - 29 * DAY
    )


STORIES: dict[str, Tell] = {
    "rotated long ago": _rotated(80),
    "rotated": _rotated(25),
    "in grace": _in_grace,
    "disabled": _disabled,
    "disabled by owner": _disabled_by_owner,
    "deleted": _deleted,
    "qps approved": _qps_approved,
    "qps pending": _qps_pending,
    "qps rejected": _qps_rejected,
}
