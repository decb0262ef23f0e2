"""The row of a key, and how a verb begins and ends on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import AuditEvent, Organization, User
from dashboard import public_ids
from dashboard.words import Words
from keys.models.billing import BillingType
from keys.models.product import Product
from keys.refusals import Refusal, StaleVersion

STALE = _("Someone else changed this key a moment ago. Nothing of yours is lost: send it again to save it over theirs.")


def make_key_id() -> str:
    """Return a new public ID of a key."""
    return public_ids.make("key")


class KeyRecord(models.Model):
    """What is known of a key. `ApiKey` adds the verbs."""

    public_id = models.CharField("ID", max_length=24, unique=True, default=make_key_id, editable=False)
    organization = models.ForeignKey(
        Organization, verbose_name=_("organisation"), on_delete=models.CASCADE, related_name="keys"
    )
    name = models.CharField(_("name"), max_length=80)
    billing_type = models.CharField(_("billing type"), max_length=20, choices=BillingType)
    allowed_domains = ArrayField(
        models.CharField(max_length=255), verbose_name=_("allowed domains"), default=list, blank=True
    )
    products = models.ManyToManyField(Product, verbose_name=_("products"), through="KeyProduct", related_name="keys")
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("created by"), null=True, on_delete=models.SET_NULL, related_name="+"
    )
    rotated_at = models.DateTimeField(_("rotated at"), null=True, blank=True)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    disabled_at = models.DateTimeField(_("disabled at"), null=True, blank=True)
    disabled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("disabled by"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    disabled_reason = models.CharField(_("reason"), max_length=300, blank=True)
    disabled_by_staff = models.BooleanField(_("disabled by staff"), default=False, db_default=False, editable=False)
    deleted_at = models.DateTimeField(_("deleted at"), null=True, blank=True)
    deleted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("deleted by"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    last_used_at = models.DateTimeField(_("last used at"), null=True, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name

    @contextmanager
    def _locked(
        self,
        version: int | None = None,
        stale: Words = STALE,
        *,
        deleted_too: bool = False,
    ) -> Iterator[None]:
        """Lock the row, bring this object up to date, and check the version that a form was made from."""
        with transaction.atomic():
            fresh = self.lock()
            for field in self._meta.concrete_fields:
                setattr(self, field.attname, getattr(fresh, field.attname))
            self._forget_loaded()
            if self.deleted_at is not None and not deleted_too:
                raise Refusal(gettext("This key has been deleted."))
            if version is not None and version != self.version:
                raise StaleVersion(str(stale))
            yield

    def lock(self) -> Self:
        """Lock the key's row until the transaction ends and return it afresh. Every verb on a key or its parts begins so.

        One lock taken first by all means that no two verbs can wait for each other in a circle. Rows that refer to the key
        can still be added meanwhile.
        """
        return type(self)._base_manager.select_for_update(of=("self",), no_key=True).get(pk=self.pk)

    def _save(self, *fields: str) -> None:
        self.version += 1
        self.save(update_fields=[*fields, "version"])
        self._forget_loaded()

    def _forget_loaded(self) -> None:
        self._prefetched_objects_cache: dict[str, Any] = {}

    def _record(self, verb: str, by: User | None, **details: Any) -> None:
        AuditEvent.record(verb, organization=self.organization, actor=by, target=self, **details)
