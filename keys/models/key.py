"""A key: the record with the ID that never changes, and the verbs that change it."""

import datetime as dt
from collections.abc import Iterable
from typing import Any, Literal, Self

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization, User
from keys import ends, notices, tokens, vault
from keys.models.billing import BillingType
from keys.models.key_product import KeyProduct
from keys.models.key_record import KeyRecord
from keys.models.product import Product
from keys.models.secret import KeySecret
from keys.refusals import DisabledByStaff, NotCopyable, NotInPlan, OutsidePolicy, Refusal, TooManyReveals
from keys.room import make_room

IN_USE = dt.timedelta(days=7)
"""A key that was used within this time is in use: deleting it asks for its name."""
UNDELETE = dt.timedelta(days=30)
"""How long a deleted key can be brought back."""


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """Narrowings of keys."""

    def kept(self) -> Self:
        """Those that are not deleted."""
        return self.filter(deleted_at=None)

    def undeletable(self) -> Self:
        """Deleted ones that can still be brought back."""
        return self.filter(deleted_at__gt=timezone.now() - UNDELETE)

    def locked(self) -> Self:
        """Lock the rows when they are read, in one order: two that lock many do not wait for each other in a circle."""
        return self.select_for_update(of=("self",), no_key=True).order_by("pk")


class ApiKey(KeyRecord):
    """What a customer's application is known by. Its strings are secrets of their own; see `KeySecret`."""

    objects = ApiKeyQuerySet.as_manager()

    new_string: str = ""
    """The string that `create`, `rotate` or `undelete` has just made, for the answer; kept nowhere."""

    class Meta:
        verbose_name, verbose_name_plural = _("API key"), _("API keys")
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(
                fields=["organization", "-created_at"], name="keys_of_organization", condition=models.Q(deleted_at=None)
            ),
            models.Index(
                fields=["organization", "-deleted_at"],
                name="deleted_keys_of_organization",
                condition=models.Q(deleted_at__isnull=False),
            ),
            models.Index(OpClass(Lower("name"), name="text_pattern_ops"), name="keys_by_name"),
            GinIndex(fields=["allowed_domains"], name="keys_by_domain"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(disabled_by_staff=False) | models.Q(disabled_at__isnull=False),
                name="disabled_by_staff_is_disabled",
            ),
        ]

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
        """Make a key with its first string. Raises NotInPlan for a billing type that the plan lacks, and OutsidePolicy."""
        at = at or timezone.now()
        allowed = BillingType.of_plan(organization.plan)
        if (billing_type or allowed[0]) not in allowed:
            raise NotInPlan(
                gettext("The plan %(plan)s has no keys of this billing type.")
                % {"plan": organization.get_plan_display()}
            )
        with transaction.atomic():
            make_room(organization)
            _check_end(expires_at, organization, made_at=at)
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

        Raises TooManyReveals past REVEALS_PER_HOUR of one person, NotCopyable when the organisation shows keys only once or no
        copy is kept, Refusal when the key is deleted.
        """
        with transaction.atomic():
            User.objects.select_for_update(no_key=True).only("pk").get(pk=by.pk)
            since = timezone.now() - dt.timedelta(hours=1)
            if by.audit_events.filter(verb="key.copied", at__gt=since).count() >= settings.REVEALS_PER_HOUR:
                raise TooManyReveals(gettext("You copied many keys in the last hour. Try again later."))
            with self._locked():
                secret = self.current_secret
                if self._shows_once():
                    raise NotCopyable(
                        gettext("Your organisation shows a key only once, when it is made. Rotate it for a new one.")
                    )
                if secret.sealed is None:
                    raise NotCopyable(gettext("No copy of this key is kept. Rotate it for a new one."))
                self._record("key.copied", by, after={"string": secret.number})
                return self.current_string()

    def edit(
        self, *, by: User, version: int, name: str, products: Iterable[Product], allowed_domains: Iterable[str],
        expires_at: dt.datetime | Literal["as it was"] | None = "as it was", at: dt.datetime | None = None,
    ) -> None:  # fmt: skip
        """Change name, products, domains and end date.

        Raises StaleVersion when the form was made from an older state, OutsidePolicy for another end date than the organisation
        allows; one that stays as it was is not judged.
        """
        with self._locked(version):
            before = self._facts()
            if expires_at != "as it was" and expires_at != self.expires_at:
                _check_end(expires_at, self.organization, made_at=self.current_secret.created_at)
                self.expires_at = expires_at
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
                self._save("name", "allowed_domains", "expires_at")
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
            raise Refusal(_too_long())
        at = at or timezone.now()
        with self._locked(
            version,
            gettext("Someone else rotated or changed this key a moment ago. Send it again to rotate it all the same."),
        ):
            self._retire(self.secrets.outgoing(), at)
            old = self.current_secret
            if delay:
                self.secrets.filter(pk=old.pk).update(expires_at=at + delay, sealed=None)
            self._replace_current(old, by=by, at=at)
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
                raise Refusal(gettext("The old string has stopped already."))
            self._retire(self.secrets.filter(pk=old.pk), timezone.now())
            self._save()
            self._record("key.old_string_retired", by, before={"string": old.number})

    def extend_old_string(self, *, by: User, version: int, delay: dt.timedelta) -> None:
        """Let the old string work until `delay` from now. Raises StaleVersion; Refusal when it has stopped or the delay is out of bounds."""
        now = timezone.now()
        if not dt.timedelta(0) < delay <= dt.timedelta(days=settings.GRACE_MAX_DAYS):
            raise Refusal(_too_long())
        with self._locked(version):
            old = self.secret_in_grace
            if old is None or old.expires_at is None:
                raise Refusal(gettext("The old string has stopped already; an ended string never comes back."))
            if now + delay <= old.expires_at:
                raise Refusal(gettext("The old string works longer than that already. To end it, retire it."))
            self.secrets.filter(pk=old.pk).update(expires_at=now + delay)
            self._save()
            self._record(
                "key.old_string_extended", by, before={"old_string_ends_at": old.expires_at.isoformat()},
                after={"string": old.number, "old_string_ends_at": (now + delay).isoformat()},
            )  # fmt: skip

    def disable(
        self, *, by: User, reason: str = "", version: int | None = None, as_staff: bool = False,
        at: dt.datetime | None = None,
    ) -> None:  # fmt: skip
        """Have every request with the key refused until it is enabled. Disabling a disabled key changes nothing.

        What staff disable only staff enable; a key that its owner disabled becomes theirs. Raises StaleVersion.
        """
        with self._locked(version):
            if self.disabled_at is None or (as_staff and not self.disabled_by_staff):
                self.disabled_at, self.disabled_by, self.disabled_reason = at or timezone.now(), by, reason
                self.disabled_by_staff = as_staff
                self._save("disabled_at", "disabled_by", "disabled_reason", "disabled_by_staff")
                self._record("key.disabled", by, after={"reason": reason}, as_staff=as_staff, at=at)
                notices.tell_state("key.disabled", self, by=by, reason=reason, as_staff=as_staff, at=at)

    def enable(self, *, by: User, version: int | None = None, as_staff: bool = False, reason: str = "") -> None:
        """Undo `disable`, for a reason that the customer reads. Enabling an enabled key changes nothing. Raises StaleVersion; DisabledByStaff unless staff ask."""
        with self._locked(version):
            if self.disabled_by_staff and not as_staff:
                raise DisabledByStaff(
                    gettext(
                        "The provider disabled this key, so only the provider enables it. "
                        "Contact support, quoting %(key_id)s."
                    )
                    % {"key_id": self.public_id}
                )
            if self.disabled_at is not None:
                before = {"reason": self.disabled_reason}
                self.disabled_at, self.disabled_by, self.disabled_reason = None, None, ""
                self.disabled_by_staff = False
                self._save("disabled_at", "disabled_by", "disabled_reason", "disabled_by_staff")
                self._record("key.enabled", by, before=before, after={"reason": reason}, as_staff=as_staff)
                notices.tell_state("key.enabled", self, by=by, reason=before["reason"], why=reason, as_staff=as_staff)

    def mark_deleted(self, *, by: User, at: dt.datetime | None = None) -> None:
        """Delete the key: its strings are refused, it leaves every list. The row stays, for its history. Safe to repeat.

        A string in grace ends for good, and the copy of the current one is erased; `undelete` can let it work again.
        """
        at = at or timezone.now()
        with self._locked(deleted_too=True):
            if self.deleted_at is None:
                self.qps_requests.pending().withdraw_all(by=by)
                self._retire(self.secrets.outgoing(), at)
                self.secrets.update(sealed=None)
                self.deleted_at, self.deleted_by = at, by
                self._save("deleted_at", "deleted_by")
                self._record("key.deleted", by, before=self._facts(), at=at)

    def undelete(self, *, by: User, version: int, with_old_string: bool = False, at: dt.datetime | None = None) -> None:
        """Bring a deleted key back, as it was but for its string: a new one, unless the old one was asked for.

        Raises StaleVersion; Refusal after UNDELETE, or when the old string may not work again.
        """
        at = at or timezone.now()
        with transaction.atomic():
            make_room(
                self.organization, is_new=False
            )  # first, as in `create`: the organisation's lock comes before the key's
            with self._locked(version, deleted_too=True):
                if self.deleted_at is None:
                    raise Refusal(gettext("This key is not deleted."))
                if self.deleted_at <= at - UNDELETE:
                    raise Refusal(
                        gettext("A deleted key can be brought back for %(days)s days.") % {"days": UNDELETE.days}
                    )
                if with_old_string and not self.may_use_old_string:
                    raise Refusal(gettext("The old string has ended and never comes back. Take a new one."))
                before = {"string": self.current_secret.number, "deleted_at": self.deleted_at.isoformat()}
                if not with_old_string:
                    self._replace_current(self.current_secret, by=by, at=at)
                self.deleted_at, self.deleted_by = None, None
                self._save("deleted_at", "deleted_by", "rotated_at")
                after = {"string": self.current_secret.number, "is_new": not with_old_string}
                self._record("key.undeleted", by, before=before, after=after, at=at)

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
    def may_use_old_string(self) -> bool:
        """Whether the string of a deleted key may work again: it had not ended, nor has the key's end date passed."""
        return not self.is_expired and any(secret.is_current for secret in self.secrets.all())

    @property
    def is_in_use(self) -> bool:
        """Whether a request came with it in the last seven days."""
        return self.last_used_at is not None and self.last_used_at > timezone.now() - IN_USE

    # Within -----------------------------------------------------------------------------------------------------------
    def _replace_current(self, old: KeySecret, *, by: User, at: dt.datetime) -> None:
        """Make the next string; the old one stops now, unless its end is set already."""
        self._retire(self.secrets.filter(pk=old.pk, expires_at=None), at)
        self._add_secret(number=old.number + 1, by=by, at=at)
        self.rotated_at = at

    def _add_secret(self, *, number: int, by: User | None, at: dt.datetime) -> None:
        string = tokens.make(settings.KEY_PREFIX)
        place: dict[str, Any] = {
            "organization": self.organization.public_id, "key": self.public_id, "number": number,
        }  # fmt: skip
        self.secrets.create(
            number=number,
            digest=vault.digest(string),
            sealed=None if self._shows_once() else vault.seal(string, **place),
            hint=tokens.hint(string),
            created_at=at,
            created_by=by,
        )
        self.new_string = string
        self._forget_loaded()

    def _shows_once(self) -> bool:
        """Whether the organisation shows keys only once, as of now and not of when this object was loaded."""
        return Organization.objects.filter(pk=self.organization_id, shows_secrets_once=True).exists()

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
        expiry = self.expires_at.isoformat() if self.expires_at else None
        return {
            "name": self.name, "products": list(products), "domains": list(self.allowed_domains), "expiry": expiry,
        }  # fmt: skip


def _too_long() -> str:
    text = gettext("The old string can work for at most %(days)s days more.")
    return text % {"days": settings.GRACE_MAX_DAYS}


def _check_end(expires_at: dt.datetime | None, organization: Organization, *, made_at: dt.datetime) -> None:
    if not ends.is_allowed(expires_at, organization, made_at):
        text = gettext("Keys of your organisation work at most %(days)s days.")
        raise OutsidePolicy(text % {"days": organization.key_life_days})
