"""People and customers: who signs in, for which organisation, with which role, and who did what."""

import datetime as dt
import zoneinfo
from typing import Any, ClassVar, Self

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.text import slugify

from dashboard import public_ids
from dashboard.request_ids import current_request_id


class UserManager(BaseUserManager["User"]):
    """Make people by their e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Return a new, saved user. Raises ValueError without an address."""
        if not email:
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Return a new admin who may do everything."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, email: str | None) -> "User":
        """Find a person whatever the case of the address."""
        return self.get(email__iexact=email)


class User(AbstractUser):
    """A person. The e-mail address is the name to sign in with; its case does not matter."""

    username = None  # type: ignore[assignment]
    email = models.EmailField("e-mail address")

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]  # the base class names people

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_unique")]

    def __str__(self) -> str:
        return self.email

    @property
    def label(self) -> str:
        """What other people see: the name, else what stands before the @."""
        return self.get_full_name() or self.email.partition("@")[0]

    @property
    def initials(self) -> str:
        """Two letters for the avatar."""
        parts = self.get_full_name().split() or self.email.partition("@")[0].replace(".", " ").split()
        return "".join(part[0] for part in parts[:2]).upper()


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

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        """The time zone of its days."""
        return zoneinfo.ZoneInfo(self.time_zone)

    @property
    def is_enterprise(self) -> bool:
        """Whether QPS management is there for it."""
        return self.plan == Plan.ENTERPRISE


class Role(models.TextChoices):
    """What a member may do."""

    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    DEVELOPER = "developer", "Developer"
    VIEWER = "viewer", "Viewer"


class Membership(models.Model):
    """A person in an organisation."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role, default=Role.DEVELOPER)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["created_at", "pk"]
        constraints = [models.UniqueConstraint(fields=["user", "organization"], name="one_membership_per_person")]

    def __str__(self) -> str:
        return f"{self.user}, {self.get_role_display().lower()} of {self.organization}"

    @property
    def manages_keys(self) -> bool:
        """Whether the person may copy, create, edit, rotate and delete keys and ask for QPS; viewers only look."""
        return self.role != Role.VIEWER


class AuditEvent(models.Model):
    """Who did what to what and when. Written in the transaction of what it records; the database refuses to change it.

    Names are kept as text beside the references, so that the log can be read after people and keys are gone. Never a
    key string in it.
    """

    organization = models.ForeignKey(
        Organization, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="audit_events"
    )
    actor = models.ForeignKey(
        User, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="audit_events"
    )
    actor_label = models.CharField(max_length=254)
    as_staff = models.BooleanField(default=False)
    verb = models.CharField(max_length=60)
    target_id = models.CharField(max_length=24)
    target_label = models.CharField(max_length=120)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    at = models.DateTimeField(default=timezone.now)
    request_id = models.CharField(max_length=100)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["organization", "-at"], name="audit_by_organization"),
            models.Index(fields=["target_id", "-at"], name="audit_by_target"),
            models.Index(fields=["actor", "verb", "-at"], name="audit_by_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.target_id}"

    @classmethod
    def record(
        cls,
        verb: str,
        *,
        organization: Organization | None,
        actor: User | None,
        target: Any,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
        as_staff: bool = False,
        at: dt.datetime | None = None,
    ) -> Self:
        """Write one event. `target` has a `public_id` and a name; `as_staff` says that the provider's people acted."""
        return cls.objects.create(
            organization=organization,
            actor=actor,
            actor_label=actor.email if actor else "Latchkey",
            as_staff=as_staff,
            verb=verb,
            target_id=target.public_id,
            target_label=str(target)[:120],
            before=before,
            after=after,
            at=at or timezone.now(),
            request_id=current_request_id(),
        )
