"""The strings of a key. People call them "key"; here they are secrets."""

import datetime as dt
from typing import Self

from django.conf import settings
from django.contrib.postgres.indexes import OpClass
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models.functions import Lower, Reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from keys import vault


class KeySecretQuerySet(models.QuerySet["KeySecret"]):
    """Narrowings of secrets."""

    def current(self) -> Self:
        """Those that copying gives: one for each key."""
        return self.filter(expires_at=None, retired_at=None)

    def outgoing(self) -> Self:
        """Old ones with an end, in grace or just past it, that no verb has retired."""
        return self.filter(expires_at__isnull=False, retired_at=None)

    def retire_of_deleted(self, before: dt.datetime) -> int:
        """End the strings of keys that were deleted before a moment for good, and return how many that were."""
        left = self.filter(key__deleted_at__lt=before, retired_at=None)
        now = models.Value(timezone.now(), output_field=models.DateTimeField())
        return left.update(retired_at=models.functions.Least("expires_at", now), sealed=None)


class KeySecret(models.Model):
    """One string of a key: current, in grace until `expires_at`, or retired."""

    key = models.ForeignKey("keys.ApiKey", verbose_name=_("key"), on_delete=models.CASCADE, related_name="secrets")
    number = models.PositiveIntegerField(_("number"))
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    sealed = models.BinaryField(max_length=80, null=True, editable=False)
    hint = models.CharField(_("hint"), max_length=12)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("created by"), null=True, on_delete=models.SET_NULL, related_name="+"
    )
    expires_at = models.DateTimeField(_("expires at"), null=True)
    retired_at = models.DateTimeField(_("retired at"), null=True)
    last_used_at = models.DateTimeField(_("last used at"), null=True)

    objects = KeySecretQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("string of a key"), _("strings of keys")
        ordering = ["-number"]
        indexes = [  # hints are read out in whatever case, whole, by their beginning or by their end
            models.Index(OpClass(Lower("hint"), name="text_pattern_ops"), name="secret_by_hint"),
            models.Index(OpClass(Reverse(Lower("hint")), name="text_pattern_ops"), name="secret_by_end_of_hint"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["key", "number"], name="secret_number_unique"),
            models.UniqueConstraint(
                fields=["key"], condition=models.Q(expires_at=None, retired_at=None), name="one_current_secret"
            ),
            models.UniqueConstraint(
                fields=["key"],
                condition=models.Q(expires_at__isnull=False, retired_at=None),
                name="one_secret_in_grace",
            ),
            models.CheckConstraint(
                condition=models.Q(retired_at=None) | models.Q(sealed=None), name="retired_secret_has_no_copy"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number}: {self.hint}"

    @property
    def is_current(self) -> bool:
        """Whether this is the string that copying gives."""
        return self.expires_at is None and self.retired_at is None

    def is_in_grace(self, now: dt.datetime | None = None) -> bool:
        """Whether this old string still works."""
        return self.retired_at is None and self.expires_at is not None and self.expires_at > (now or timezone.now())

    @property
    def state(self) -> str:
        """In a word: current, grace or retired."""
        return "current" if self.is_current else "grace" if self.is_in_grace() else "retired"

    @property
    def ended_at(self) -> dt.datetime | None:
        """When it stopped working or will; None for the current one."""
        ends = [moment for moment in (self.expires_at, self.retired_at) if moment]
        return min(ends, default=None)


class KeyringCheck(models.Model):
    """The fingerprint of each pepper and master key that something was made with, to recognise a wrong one at start."""

    purpose = models.CharField(_("purpose"), max_length=20)
    version = models.PositiveSmallIntegerField(_("version"))
    fingerprint = models.CharField(max_length=16)

    class Meta:
        verbose_name, verbose_name_plural = _("keyring check"), _("keyring checks")
        constraints = [models.UniqueConstraint(fields=["purpose", "version"], name="one_fingerprint_per_version")]

    def __str__(self) -> str:
        return f"{self.purpose} {self.version}"

    @classmethod
    def verify(cls) -> None:
        """Compare the settings' peppers and master keys with those used before; remember the newest, which is used from now on.

        Raises ImproperlyConfigured with one sentence that says which is wrong or missing, instead of letting every customer be refused.
        """
        for purpose, ring in (("KEY_PEPPERS", vault.peppers()), ("KEY_MASTER_KEYS", vault.master_keys())):
            found = ring.fingerprints(purpose)
            known = dict(cls.objects.filter(purpose=purpose).values_list("version", "fingerprint"))
            for version, fingerprint in known.items():
                if version not in found:
                    raise ImproperlyConfigured(f"{purpose} lacks version {version}, which keys in the database need.")
                if found[version] != fingerprint:
                    raise ImproperlyConfigured(
                        f"{purpose} version {version} is not the one that the database was made with."
                    )
            newest = ring.current[0]
            if newest not in known:
                made = KeyringCheck(purpose=purpose, version=newest, fingerprint=found[newest])
                KeyringCheck.objects.bulk_create([made], ignore_conflicts=True)
