"""Who did what to what and when."""

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy

from accounts.models.user import User
from dashboard.request_ids import current_request_id

if TYPE_CHECKING:
    from accounts.models.organization import Organization


@dataclass(frozen=True, slots=True)
class Target:
    """What an event is about, where the row's own name would not say it."""

    public_id: str
    label: str

    def __str__(self) -> str:
        return self.label


def noun() -> models.Func:
    """What an event's verb begins with, such as `key` of `key.rotated`, as the database computes and indexes it."""
    parts = (models.F("verb"), models.Value("."), models.Value(1))
    return models.Func(*parts, function="split_part", output_field=models.CharField())


class AuditEvent(models.Model):
    """Who did what to what and when. Written in the transaction of what it records; the database refuses to change it.

    Names are kept as text beside the references, so that the log can be read after people and keys are gone. Never a
    key string in it.
    """

    organization = models.ForeignKey(
        "accounts.Organization",
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="audit_events",
        verbose_name=gettext_lazy("organisation"),
    )
    actor = models.ForeignKey(
        User,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="audit_events",
        verbose_name=gettext_lazy("actor"),
    )
    actor_label = models.CharField(gettext_lazy("actor label"), max_length=254)
    as_staff = models.BooleanField(gettext_lazy("as staff"), default=False)
    verb = models.CharField(gettext_lazy("verb"), max_length=60)
    target_id = models.CharField(gettext_lazy("target id"), max_length=24)
    target_label = models.CharField(gettext_lazy("target label"), max_length=120)
    before = models.JSONField(gettext_lazy("before"), null=True)
    after = models.JSONField(gettext_lazy("after"), null=True)
    at = models.DateTimeField(gettext_lazy("at"), default=timezone.now)
    request_id = models.CharField(gettext_lazy("request id"), max_length=100)

    class Meta:
        verbose_name, verbose_name_plural = gettext_lazy("audit event"), gettext_lazy("audit events")
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["organization", "-at", "-id"], name="audit_of_organization"),
            models.Index(fields=["target_id", "-at"], name="audit_by_target"),
            models.Index(fields=["actor", "verb", "-at"], name="audit_by_actor"),
            models.Index(
                fields=["organization", "actor", "-at", "-id"],
                name="audit_by_member",
                condition=models.Q(as_staff=False),
            ),
            models.Index("organization", noun(), models.F("at").desc(), models.F("id").desc(), name="audit_by_noun"),
            models.Index(
                fields=["organization", "-at", "-id"], name="audit_of_support", condition=models.Q(as_staff=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.target_id}"

    @classmethod
    def record(
        cls,
        verb: str,
        *,
        organization: "Organization | None",
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
            actor_label=actor.email if actor else settings.BRAND_NAME[:254],
            as_staff=as_staff,
            verb=verb,
            target_id=target.public_id,
            target_label=str(target)[:120],
            before=before,
            after=after,
            at=at or timezone.now(),
            request_id=current_request_id(),
        )
