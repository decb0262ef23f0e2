"""Customers of the provider."""

import datetime as dt
import zoneinfo
from typing import Self

from django.contrib.postgres.indexes import OpClass
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.text import slugify

from accounts.models.audit import AuditEvent
from accounts.models.membership import Membership, Role
from accounts.models.user import User
from dashboard import public_ids
from notices import outbox


class Plan(models.TextChoices):
    """What an organisation has agreed with the provider."""

    FREEMIUM = "freemium", "Freemium"
    PAY_AS_YOU_GROW = "pay_as_you_grow", "Pay as You Grow"
    ENTERPRISE = "enterprise", "Enterprise"


def make_organization_id() -> str:
    """Return a new public ID of an organisation."""
    return public_ids.make("org")


def check_time_zone(name: str) -> None:
    """Refuse a name that is no IANA time zone."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError("“%(name)s” is not a time zone such as Europe/Amsterdam.", params={"name": name})


class Organization(models.Model):
    """A customer of the provider."""

    public_id = models.CharField("ID", max_length=24, unique=True, default=make_organization_id, editable=False)
    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=90, unique=True)
    plan = models.CharField(max_length=20, choices=Plan, default=Plan.FREEMIUM)
    time_zone = models.CharField(max_length=64, default="UTC", validators=[check_time_zone])
    suspended_at = models.DateTimeField(null=True, blank=True)
    suspended_reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    members = models.ManyToManyField(User, through="Membership", related_name="organizations")

    class Meta:
        verbose_name = "organisation"
        ordering = ["name", "pk"]
        indexes = [models.Index(OpClass(Lower("name"), name="text_pattern_ops"), name="organization_by_name")]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def register(
        cls, *, name: str, owner: User, plan: str = Plan.FREEMIUM, time_zone: str = "UTC", at: dt.datetime | None = None
    ) -> Self:
        """Make an organisation with its owner."""
        at = at or timezone.now()
        with transaction.atomic():
            organization = cls(name=name, plan=plan, time_zone=time_zone, created_at=at)
            organization.slug = f"{slugify(name)[:70] or 'organisation'}-{organization.public_id[-6:].lower()}"
            organization.save()
            Membership.objects.create(user=owner, organization=organization, role=Role.OWNER, created_at=at)
            AuditEvent.record(
                "organization.created", organization=organization, actor=owner, target=organization, at=at
            )
        return organization

    def suspend(self, *, by: User, reason: str) -> None:
        """Have every key of the organisation refused."""
        self._set_suspended("organization.suspended", by, timezone.now(), reason)

    def resume(self, *, by: User) -> None:
        """Undo a suspension."""
        self._set_suspended("organization.resumed", by, None, "")

    def _set_suspended(self, verb: str, by: User, at: dt.datetime | None, reason: str) -> None:
        with transaction.atomic():
            locked = Organization.objects.select_for_update(no_key=True).get(pk=self.pk)
            if (locked.suspended_at is None) == (at is None):
                return
            self.suspended_at, self.suspended_reason = at, reason
            self.save(update_fields=["suspended_at", "suspended_reason"])
            AuditEvent.record(
                verb,
                organization=self,
                actor=by,
                target=self,
                after={"reason": reason} if reason else None,
                as_staff=True,
            )
            outbox.post(verb, organization=self, people=self.key_managers(), context={"reason": reason})

    def key_managers(self) -> models.QuerySet[User]:
        """The members who manage keys, and so are told about them."""
        return self.members.exclude(memberships__in=self.memberships.filter(role=Role.VIEWER))

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        """The time zone of its days."""
        return zoneinfo.ZoneInfo(self.time_zone)

    @property
    def is_enterprise(self) -> bool:
        """Whether QPS management is there for it."""
        return self.plan == Plan.ENTERPRISE
