"""Customers of the provider."""

import datetime as dt
import zoneinfo
from dataclasses import asdict, dataclass
from typing import Self

from django.contrib.postgres.indexes import OpClass
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models.audit import AuditEvent
from accounts.models.membership import Membership, Role
from accounts.models.sign_in_policy import SignInPolicy
from accounts.models.user import User
from dashboard import public_ids
from keys.refusals import Refusal
from notices import outbox


class Plan(models.TextChoices):
    """What an organisation has agreed with the provider."""

    FREEMIUM = "freemium", "Freemium"
    PAY_AS_YOU_GROW = "pay_as_you_grow", "Pay as You Grow"
    ENTERPRISE = "enterprise", "Enterprise"


UNDO = dt.timedelta(days=30)
"""How long a deleted organisation can be brought back; then housekeeping removes it for good."""


OWNED_MOST = 20
"""How many organisations one person may own, and create within a day."""


def make_organization_id() -> str:
    """Return a new public ID of an organisation."""
    return public_ids.make("org")


def check_time_zone(name: str) -> None:
    """Refuse a name that is no IANA time zone."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(_("“%(name)s” is not a time zone such as Europe/Amsterdam."), params={"name": name})


class OrganizationQuerySet(models.QuerySet["Organization"]):
    """Narrowings of organisations."""

    def kept(self) -> Self:
        """Those that are not deleted."""
        return self.filter(deleted_at=None)

    def shown_to(self, person: User) -> Self:
        """Those that do not keep a person out: one that requires a second factor shows nothing to who has none."""
        from accounts.signin.factors import second_factors

        return self.filter(models.Q(requires_second_factor_at=None) | models.Exists(second_factors(person)))

    def past_undo(self) -> Self:
        """Deleted ones that nobody can bring back any more."""
        return self.filter(deleted_at__lte=timezone.now() - UNDO)

    def to_bring_back(self, user: User) -> Self:
        """Deleted ones whose owner the person is, while there is still time."""
        since = timezone.now() - UNDO
        owned = self.filter(deleted_at__gt=since, memberships__user=user, memberships__role=Role.OWNER)
        return owned.shown_to(user)


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """What an organisation decides about its keys: how many days one may live, and whether a key is shown only once."""

    key_life_days: int | None = None
    shows_secrets_once: bool = False


class Organization(SignInPolicy):
    """A customer of the provider."""

    public_id = models.CharField("ID", max_length=24, unique=True, default=make_organization_id, editable=False)
    name = models.CharField(gettext_lazy("name"), max_length=80)
    slug = models.SlugField(gettext_lazy("slug"), max_length=90, unique=True)
    plan = models.CharField(gettext_lazy("plan"), max_length=20, choices=Plan, default=Plan.FREEMIUM)
    time_zone = models.CharField(gettext_lazy("time zone"), max_length=64, default="UTC", validators=[check_time_zone])
    suspended_at = models.DateTimeField(gettext_lazy("suspended at"), null=True, blank=True)
    suspended_reason = models.CharField(gettext_lazy("suspended reason"), max_length=300, blank=True)
    deleted_at = models.DateTimeField(gettext_lazy("deleted at"), null=True, blank=True, editable=False)
    deleted_by = models.ForeignKey(
        User, null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    key_life_days = models.PositiveSmallIntegerField(
        gettext_lazy("longest life of a key in days"), null=True, blank=True
    )
    shows_secrets_once = models.BooleanField(gettext_lazy("keys are shown only once"), default=False, db_default=False)
    created_at = models.DateTimeField(gettext_lazy("created at"), default=timezone.now, editable=False)
    members = models.ManyToManyField(User, through="Membership", related_name="organizations")

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = gettext_lazy("organisation"), gettext_lazy("organisations")
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(key_life_days=None) | models.Q(key_life_days__gte=1), name="key_life_positive"
            ),
        ]
        indexes = [models.Index(OpClass(Lower("name"), name="text_pattern_ops"), name="organization_by_name")]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def register(
        cls, *, name: str, owner: User, plan: str = Plan.FREEMIUM, time_zone: str = "UTC", at: dt.datetime | None = None
    ) -> Self:
        """Make an organisation with its owner. Raises Refusal for who owns very many, or made as many within a day."""
        at = at or timezone.now()
        if owner.memberships.kept().filter(role=Role.OWNER).count() >= OWNED_MOST:
            raise Refusal(
                _("You own %(number)d organisations. Delete one, or hand one over, to create another.")
                % {"number": OWNED_MOST}
            )
        lately = {"verb": "organization.created", "at__gt": at - dt.timedelta(days=1)}
        if owner.audit_events.filter(**lately).count() >= OWNED_MOST:
            raise Refusal(
                _("You created %(number)d organisations within a day. Try again tomorrow.") % {"number": OWNED_MOST}
            )
        with transaction.atomic():
            organization = cls(name=name, plan=plan, time_zone=time_zone, created_at=at)
            organization.slug = f"{slugify(name)[:70] or 'organisation'}-{organization.public_id[-6:].lower()}"
            organization.save()
            Membership.objects.create(user=owner, organization=organization, role=Role.OWNER, created_at=at)
            AuditEvent.record(
                "organization.created", organization=organization, actor=owner, target=organization, at=at
            )
        return organization

    def rename(self, *, by: User, name: str) -> None:
        """Give it another name; its ID and the addresses of its pages stay. Safe to repeat."""
        with transaction.atomic():
            before = self.lock().name
            if name != before:
                self.name = name
                self.save(update_fields=["name"])
                AuditEvent.record(
                    "organization.renamed", organization=self, actor=by, target=self,
                    before={"name": before}, after={"name": name},
                )  # fmt: skip

    def mark_deleted(self, *, by: User) -> None:
        """Have all its keys refused and hide it from its people; owners can undo it for 30 days. Safe to repeat."""
        self._set_deleted("organization.deleted", by, timezone.now())

    def restore(self, *, by: User) -> None:
        """Undo `mark_deleted`. Raises Refusal when the 30 days are over. Safe to repeat."""
        self._set_deleted("organization.restored", by, None)

    def _set_deleted(self, verb: str, by: User, at: dt.datetime | None) -> None:
        with transaction.atomic():
            locked = self.lock()
            if locked.role_of(by) != Role.OWNER:
                raise Refusal(_("Only owners delete an organisation or bring it back."))
            if (locked.deleted_at is None) == (at is None):
                return
            if locked.deleted_at is not None and locked.deleted_at <= timezone.now() - UNDO:
                raise Refusal(_("The 30 days are over."))
            self.deleted_at, self.deleted_by = at, by if at else None
            self.save(update_fields=["deleted_at", "deleted_by"])
            AuditEvent.record(verb, organization=self, actor=by, target=self)
            told = {"name": self.name, "actor": by.label}
            if self.undo_until:
                told["undo_until_at"] = self.undo_until.isoformat()
            outbox.post(verb, organization=self, people=self.members.exclude(pk=by.pk), context=told)

    def suspend(self, *, by: User, reason: str) -> None:
        """Have every key of the organisation refused."""
        self._set_suspended("organization.suspended", by, timezone.now(), reason)

    def resume(self, *, by: User) -> None:
        """Undo a suspension."""
        self._set_suspended("organization.resumed", by, None, "")

    def change_key_policy(self, *, by: User, seen: KeyPolicy, wanted: KeyPolicy, at: dt.datetime | None = None) -> bool:
        """Set what holds for keys that are created, edited and rotated from now on; return whether that was possible.

        It is not when the policy is no longer the one that the form was made from. What was wanted already changes nothing.
        """
        with transaction.atomic():
            before = self.lock().key_policy
            if before not in (seen, wanted):
                return False
            if before != wanted:
                self.key_life_days, self.shows_secrets_once = wanted.key_life_days, wanted.shows_secrets_once
                self.save(update_fields=["key_life_days", "shows_secrets_once"])
                old, new = asdict(before), asdict(wanted)
                names = [name for name in new if new[name] != old[name]]
                AuditEvent.record(
                    "organization.key_policy_changed", organization=self, actor=by, target=self, at=at,
                    before={name: old[name] for name in names}, after={name: new[name] for name in names},
                )  # fmt: skip
            return True

    @property
    def key_policy(self) -> KeyPolicy:
        """What holds for its keys."""
        return KeyPolicy(self.key_life_days, self.shows_secrets_once)

    def _set_suspended(self, verb: str, by: User, at: dt.datetime | None, reason: str) -> None:
        with transaction.atomic():
            locked = self.lock()
            if (locked.suspended_at is None) == (at is None):
                return
            if at is None and not self.memberships.owners().exists():
                raise Refusal(_("Nobody who can sign in owns %(name)s. Make somebody an owner first.") % {"name": self})
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
    def is_in_service(self) -> bool:
        """Whether its keys work: it is neither suspended nor deleted."""
        return self.suspended_at is None and self.deleted_at is None

    def lock(self) -> "Organization":
        """Lock its row until the transaction ends and return it afresh. Every change of its people begins so."""
        return Organization.objects.select_for_update(of=("self",), no_key=True).get(pk=self.pk)

    def role_of(self, user: User) -> str:
        """Return a person's role as it is now; empty for who is no member."""
        return self.memberships.filter(user=user, user__is_active=True).values_list("role", flat=True).first() or ""

    @property
    def undo_until(self) -> dt.datetime | None:
        """Until when a deleted organisation can be brought back."""
        return self.deleted_at + UNDO if self.deleted_at else None

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        """The time zone of its days."""
        return zoneinfo.ZoneInfo(self.time_zone)

    @property
    def is_enterprise(self) -> bool:
        """Whether QPS management is there for it."""
        return self.plan == Plan.ENTERPRISE
