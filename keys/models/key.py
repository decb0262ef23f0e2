"""A key: the record with the ID that never changes, and the verbs that change it."""

import datetime as dt
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.models import AuditEvent, Organization, Plan, User
from dashboard import public_ids
from keys import notices, tokens, vault
from keys.models.product import Product
from keys.models.secret import KeySecret
from keys.refusals import NotInPlan, Refusal, StaleVersion, TooManyReveals

IN_USE = dt.timedelta(days=7)
"""A key that was used within this time is in use: deleting it asks for its name."""


class BillingType(models.TextChoices):
    """Under which agreement the requests of a key are billed."""

    PAYING = "paying", "Paying"
    EVALUATION = "evaluation", "Evaluation"
    FREE = "free", "Free"
    FREEMIUM = "freemium", "Freemium"
    PAY_AS_YOU_GROW = "pay_as_you_grow", "Pay as You Grow"

    @classmethod
    def of_plan(cls, plan: str) -> list["BillingType"]:
        """Those that the plan allows, the usual one first."""
        return {
            Plan.ENTERPRISE: [cls.PAYING, cls.EVALUATION, cls.FREE],
            Plan.PAY_AS_YOU_GROW: [cls.PAY_AS_YOU_GROW, cls.FREEMIUM],
            Plan.FREEMIUM: [cls.FREEMIUM],
        }[Plan(plan)]


def make_key_id() -> str:
    """Return a new public ID of a key."""
    return public_ids.make("key")


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """Narrowings of keys."""

    def kept(self) -> Self:
        """Those that are not deleted."""
        return self.filter(deleted_at=None)


class ApiKey(models.Model):
    """What a customer's application is known by. Its strings are secrets of their own; see `KeySecret`."""

    public_id = models.CharField("ID", max_length=24, unique=True, default=make_key_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="keys")
    name = models.CharField(max_length=80)
    billing_type = models.CharField(max_length=20, choices=BillingType)
    allowed_domains = ArrayField(models.CharField(max_length=255), default=list, blank=True)
    products = models.ManyToManyField(Product, through="KeyProduct", related_name="keys")
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    rotated_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    disabled_reason = models.CharField(max_length=300, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    deleted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(
                fields=["organization", "-created_at"], name="keys_of_organization", condition=models.Q(deleted_at=None)
            ),
            models.Index(OpClass(Lower("name"), name="text_pattern_ops"), name="keys_by_name"),
            GinIndex(fields=["allowed_domains"], name="keys_by_domain"),
        ]

    def __str__(self) -> str:
        return self.name

    # Making -----------------------------------------------------------------------------------------------------------
    @classmethod
    def create(
        cls,
        *,
        organization: Organization,
        name: str,
        by: User | None,
        products: Iterable[Product],
        billing_type: str | None = None,
        allowed_domains: Iterable[str] = (),
        expires_at: dt.datetime | None = None,
        at: dt.datetime | None = None,
    ) -> "ApiKey":
        """Make a key with its first string. Raises NotInPlan for a billing type that the plan lacks."""
        at = at or timezone.now()
        allowed = BillingType.of_plan(organization.plan)
        if (billing_type or allowed[0]) not in allowed:
            raise NotInPlan(f"The plan {organization.get_plan_display()} has no keys of this billing type.")
        with transaction.atomic():
            Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
            if organization.keys.kept().count() >= settings.KEYS_PER_ORGANIZATION:
                raise Refusal(f"An organisation can have {settings.KEYS_PER_ORGANIZATION:,} keys. Delete one first.")
            key = cls.objects.create(
                organization=organization,
                name=name,
                billing_type=billing_type or allowed[0],
                allowed_domains=list(allowed_domains),
                expires_at=expires_at,
                created_by=by,
                created_at=at,
            )
            KeyProduct.objects.bulk_create([KeyProduct(key=key, product=product) for product in products])
            key._add_secret(number=1, by=by, at=at)
            key._record("key.created", by, after=key._facts(), at=at)
        return key

    # Verbs ------------------------------------------------------------------------------------------------------------
    def reveal(self, *, by: User) -> str:
        """Return the current string, for its copy to the clipboard. The audit event is written first: no event, no string.

        Raises TooManyReveals past REVEALS_PER_HOUR of one person, Refusal when the key is deleted.
        """
        with transaction.atomic():
            User.objects.select_for_update(no_key=True).only("pk").get(pk=by.pk)
            since = timezone.now() - dt.timedelta(hours=1)
            if by.audit_events.filter(verb="key.copied", at__gt=since).count() >= settings.REVEALS_PER_HOUR:
                raise TooManyReveals("You copied many keys in the last hour. Try again later.")
            with self._locked():
                secret = self.current_secret
                self._record("key.copied", by, after={"string": secret.number})
                return self.current_string()

    def edit(
        self, *, by: User, version: int, name: str, products: Iterable[Product], allowed_domains: Iterable[str],
        at: dt.datetime | None = None,
    ) -> None:  # fmt: skip
        """Change name, products and domains. Raises StaleVersion when the form was made from an older state."""
        with self._locked(version):
            before = self._facts()
            wanted = {product.pk: product for product in products}
            self.key_products.exclude(product__in=wanted).delete()
            had = set(self.key_products.values_list("product_id", flat=True))
            KeyProduct.objects.bulk_create(
                [KeyProduct(key=self, product=p) for pk, p in wanted.items() if pk not in had]
            )
            self.qps_requests.pending().exclude(product__in=wanted).withdraw_all(by=by)
            self.name, self.allowed_domains = name, list(allowed_domains)
            self._forget_loaded()
            after = self._facts()
            if after != before:
                self._save("name", "allowed_domains")
                changed = [name for name in after if after[name] != before[name]]
                self._record(
                    "key.edited",
                    by,
                    before={n: before[n] for n in changed},
                    after={n: after[n] for n in changed},
                    at=at,
                )

    def rotate(
        self, *, by: User, version: int, delay: dt.timedelta = dt.timedelta(0), at: dt.datetime | None = None
    ) -> None:
        """Give the key a new string at once; the old one works until the delay has passed.

        An older string that is still in grace stops now. The old string's sealed copy is erased: it is in use or lost, and never copied again.
        Raises StaleVersion, and Refusal for a delay below 0 or above GRACE_MAX_DAYS.
        """
        if not dt.timedelta(0) <= delay <= dt.timedelta(days=settings.GRACE_MAX_DAYS):
            raise Refusal(f"The old string can work for at most {settings.GRACE_MAX_DAYS} days more.")
        at = at or timezone.now()
        with self._locked(
            version, "Someone else rotated or changed this key a moment ago. Send it again to rotate it all the same."
        ):
            self._retire(self.secrets.filter(retired_at=None, expires_at__isnull=False), at)
            old = self.current_secret
            if delay:
                self.secrets.filter(pk=old.pk).update(expires_at=at + delay, sealed=None)
            else:
                self._retire(self.secrets.filter(pk=old.pk), at)
            self._add_secret(number=old.number + 1, by=by, at=at)
            self.rotated_at = at
            self._save("rotated_at")
            self._record(
                "key.rotated", by, before={"string": old.number}, at=at,
                after={"string": old.number + 1, "old_string_ends_at": (at + delay).isoformat()},
            )  # fmt: skip

    def retire_old_string(self, *, by: User, version: int) -> None:
        """End the grace of the old string now. Raises StaleVersion; Refusal when there is none."""
        with self._locked(version):
            old = self.secret_in_grace
            if old is None:
                raise Refusal("The old string has stopped already.")
            self._retire(self.secrets.filter(pk=old.pk), timezone.now())
            self._save()
            self._record("key.old_string_retired", by, before={"string": old.number})

    def extend_old_string(self, *, by: User, version: int, delay: dt.timedelta) -> None:
        """Let the old string work until `delay` from now. Raises StaleVersion; Refusal when it has stopped or the delay is out of bounds."""
        now = timezone.now()
        if not dt.timedelta(0) < delay <= dt.timedelta(days=settings.GRACE_MAX_DAYS):
            raise Refusal(f"The old string can work for at most {settings.GRACE_MAX_DAYS} days more.")
        with self._locked(version):
            old = self.secret_in_grace
            if old is None or old.expires_at is None:
                raise Refusal("The old string has stopped already; an ended string never comes back.")
            if now + delay <= old.expires_at:
                raise Refusal("The old string works longer than that already. To end it, retire it.")
            self.secrets.filter(pk=old.pk).update(expires_at=now + delay)
            self._save()
            self._record(
                "key.old_string_extended", by, before={"old_string_ends_at": old.expires_at.isoformat()},
                after={"string": old.number, "old_string_ends_at": (now + delay).isoformat()},
            )  # fmt: skip

    def disable(self, *, by: User, reason: str, as_staff: bool = False, at: dt.datetime | None = None) -> None:
        """Have every request with the key refused until it is enabled. Disabling a disabled key changes nothing."""
        with self._locked():
            if self.disabled_at is None:
                self.disabled_at, self.disabled_by, self.disabled_reason = at or timezone.now(), by, reason
                self._save("disabled_at", "disabled_by", "disabled_reason")
                self._record("key.disabled", by, after={"reason": reason}, as_staff=as_staff, at=at)
                notices.tell_state("key.disabled", self, by=by, reason=reason, as_staff=as_staff, at=at)

    def enable(self, *, by: User, as_staff: bool = False) -> None:
        """Undo `disable`. Enabling an enabled key changes nothing."""
        with self._locked():
            if self.disabled_at is not None:
                before = {"reason": self.disabled_reason}
                self.disabled_at, self.disabled_by, self.disabled_reason = None, None, ""
                self._save("disabled_at", "disabled_by", "disabled_reason")
                self._record("key.enabled", by, before=before, as_staff=as_staff)
                notices.tell_state("key.enabled", self, by=by, reason=before["reason"], as_staff=as_staff)

    def mark_deleted(self, *, by: User, at: dt.datetime | None = None) -> None:
        """Delete the key: its strings are refused, it leaves every list. The row stays, for its history. Safe to repeat."""
        with self._locked(deleted_too=True):
            if self.deleted_at is None:
                self.qps_requests.pending().withdraw_all(by=by)
                self.deleted_at, self.deleted_by = at or timezone.now(), by
                self._save("deleted_at", "deleted_by")
                self._record("key.deleted", by, before=self._facts(), at=at)

    # State ------------------------------------------------------------------------------------------------------------
    @property
    def current_secret(self) -> KeySecret:
        """The string that copying gives. Uses prefetched secrets where they are loaded."""
        return next(secret for secret in self.secrets.all() if secret.is_current)

    @property
    def secret_in_grace(self) -> KeySecret | None:
        """The old string, while it works."""
        now = timezone.now()
        return next((secret for secret in self.secrets.all() if secret.is_in_grace(now)), None)

    @property
    def is_expired(self) -> bool:
        """Whether its end date has passed."""
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def is_in_use(self) -> bool:
        """Whether a request came with it in the last seven days."""
        return self.last_used_at is not None and self.last_used_at > timezone.now() - IN_USE

    # Within -----------------------------------------------------------------------------------------------------------
    @contextmanager
    def _locked(
        self,
        version: int | None = None,
        stale: str = "Someone else changed this key a moment ago. Nothing of yours is lost: send it again to save it over theirs.",
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
                raise Refusal("This key has been deleted.")
            if version is not None and version != self.version:
                raise StaleVersion(stale)
            yield

    def lock(self) -> "ApiKey":
        """Lock the key's row until the transaction ends and return it afresh. Every verb on a key or its parts begins so.

        One lock taken first by all means that no two verbs can wait for each other in a circle. Rows that refer to the key
        can still be added meanwhile.
        """
        return ApiKey.objects.select_for_update(of=("self",), no_key=True).get(pk=self.pk)

    def _save(self, *fields: str) -> None:
        self.version += 1
        self.save(update_fields=[*fields, "version"])
        self._forget_loaded()

    def _forget_loaded(self) -> None:
        self._prefetched_objects_cache: dict[str, Any] = {}

    def _add_secret(self, *, number: int, by: User | None, at: dt.datetime) -> None:
        string = tokens.make(settings.KEY_PREFIX)
        self.secrets.create(
            number=number,
            digest=vault.digest(string),
            sealed=vault.seal(string, organization=self.organization.public_id, key=self.public_id, number=number),
            hint=tokens.hint(string),
            created_at=at,
            created_by=by,
        )

    def current_string(self) -> str:
        """Return the current string without a word in the log: for commands on the server; people use `reveal`."""
        secret = self.current_secret
        return vault.open_sealed(
            bytes(secret.sealed or b""),
            organization=self.organization.public_id,
            key=self.public_id,
            number=secret.number,
        )

    @staticmethod
    def _retire(secrets: models.QuerySet[KeySecret], at: dt.datetime) -> None:
        """End strings now, or leave the earlier end of those that have ended already."""
        secrets.update(retired_at=models.functions.Least("expires_at", models.Value(at)), sealed=None)

    def _facts(self) -> dict[str, Any]:
        products = self.key_products.order_by("product__position", "product__name").values_list(
            "product__name", flat=True
        )
        return {"name": self.name, "products": list(products), "domains": list(self.allowed_domains)}

    def _record(self, verb: str, by: User | None, **details: Any) -> None:
        AuditEvent.record(verb, organization=self.organization, actor=by, target=self, **details)


class KeyProduct(models.Model):
    """A product that a key is valid for, and its own limit where it has one."""

    key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="key_products")
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="key_products")
    qps_limit = models.PositiveIntegerField(
        "QPS limit", null=True, blank=True, help_text="Empty: the product's default."
    )

    class Meta:
        ordering = ["product__position", "product__name"]
        constraints = [
            models.UniqueConstraint(fields=["key", "product"], name="product_once_per_key"),
            models.CheckConstraint(
                condition=models.Q(qps_limit=None) | models.Q(qps_limit__gte=1), name="qps_limit_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product} for {self.key}"

    @property
    def limit(self) -> int:
        """Queries per second that are admitted."""
        return self.qps_limit if self.qps_limit is not None else self.product.default_qps
