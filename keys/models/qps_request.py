"""Requests for another queries-per-second limit, decided by the provider."""

import datetime as dt
from typing import Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from accounts.models import AuditEvent, User
from dashboard import public_ids, words
from keys import notices
from keys.models.key import ApiKey
from keys.models.key_product import KeyProduct
from keys.models.product import Product
from keys.refusals import NotInPlan, Refusal

MAX_QPS = 100_000


def make_qps_request_id() -> str:
    """Return a new public ID of a QPS request."""
    return public_ids.make("req")


class QpsRequestQuerySet(models.QuerySet["QpsRequest"]):
    """Narrowings of QPS requests."""

    def pending(self) -> Self:
        """Those that wait for the provider."""
        return self.filter(state=QpsRequest.State.PENDING)

    def withdraw_all(self, *, by: User, as_staff: bool = False) -> None:
        """Withdraw each, because its key or product goes."""
        for request in self:
            request.withdraw(by=by, as_staff=as_staff)


class QpsRequest(models.Model):
    """An enterprise customer's wish for another limit of one product of one key."""

    class State(models.TextChoices):
        """pending → approved | rejected | withdrawn."""

        PENDING = "pending", pgettext_lazy("QPS request", "Waiting")
        APPROVED = "approved", pgettext_lazy("QPS request", "Approved")
        REJECTED = "rejected", pgettext_lazy("QPS request", "Rejected")
        WITHDRAWN = "withdrawn", pgettext_lazy("QPS request", "Withdrawn")

    public_id = models.CharField("ID", max_length=24, unique=True, default=make_qps_request_id, editable=False)
    key = models.ForeignKey(ApiKey, verbose_name=_("key"), on_delete=models.CASCADE, related_name="qps_requests")
    product = models.ForeignKey(
        Product, verbose_name=_("product"), on_delete=models.CASCADE, related_name="qps_requests"
    )
    current = models.PositiveIntegerField(_("current QPS"))
    requested = models.PositiveIntegerField(
        _("requested QPS"), validators=[MinValueValidator(1), MaxValueValidator(MAX_QPS)]
    )
    reason = models.CharField(_("reason"), max_length=500)
    granted = models.PositiveIntegerField(_("granted QPS"), null=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.PENDING)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("requested by"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="qps_requests",
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("decided by"), null=True, on_delete=models.SET_NULL, related_name="+"
    )
    decided_at = models.DateTimeField(_("decided at"), null=True)
    note = models.CharField(_("note"), max_length=500, blank=True)

    objects = QpsRequestQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("QPS request"), _("QPS requests")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["key", "product"], condition=models.Q(state="pending"), name="one_pending_request_per_product"
            ),
            models.CheckConstraint(condition=models.Q(requested__gte=1), name="requested_qps_positive"),
            models.CheckConstraint(
                condition=models.Q(granted=None) | models.Q(granted__gte=1, state="approved"),
                name="granted_qps_positive_and_approved",
            ),
        ]
        indexes = [
            models.Index(fields=["created_at", "id"], name="qps_requests_waiting", condition=models.Q(state="pending")),
            models.Index(
                fields=["-decided_at"],
                name="qps_requests_decided",
                condition=models.Q(state__in=["approved", "rejected"]),
            ),
        ]

    def __str__(self) -> str:
        return gettext("%(number)s QPS for %(product)s") % {
            "number": words.number(self.requested),
            "product": self.product,
        }

    @property
    def is_granted_otherwise(self) -> bool:
        """Whether the limit was set to another value than was asked for."""
        return self.granted is not None and self.granted != self.requested

    @classmethod
    def submit(
        cls, *, key: ApiKey, product: Product, requested: int, reason: str, by: User, at: dt.datetime | None = None
    ) -> "QpsRequest":
        """Ask for a limit. Raises NotInPlan unless enterprise, Refusal when one waits already or nothing would change."""
        if not key.organization.is_enterprise:
            raise NotInPlan(gettext("QPS management is part of the plan Enterprise."))
        with transaction.atomic():
            key.lock()
            key_product = KeyProduct.objects.filter(key=key, product=product, key__deleted_at=None).first()
            if key_product is None:
                raise Refusal(gettext("%(product)s is not assigned to this key.") % {"product": product})
            if key.qps_requests.pending().filter(product=product).exists():
                text = gettext("A request for %(product)s is waiting already. Withdraw it to ask for something else.")
                raise Refusal(text % {"product": product})
            if requested == key_product.limit:
                raise Refusal(gettext("%(limit)s is the limit already.") % {"limit": words.number(requested)})
            request = cls.objects.create(
                key=key, product=product, current=key_product.limit, requested=requested, reason=reason,
                requested_by=by, created_at=at or timezone.now(),
            )  # fmt: skip
            request._record("qps.requested", by, at=at)
            notices.tell_requested(request, by=by, at=at)
        return request

    def withdraw(self, *, by: User, as_staff: bool = False) -> None:
        """Take the wish back. Raises Refusal when it was decided meanwhile."""
        self._decide(self.State.WITHDRAWN, by=by, note="", at=None, as_staff=as_staff)

    def approve(self, *, by: User, granted: int | None = None, note: str = "", at: dt.datetime | None = None) -> None:
        """Grant what was asked for, or another value, and set the limit, in one transaction.

        Raises Refusal when it was decided meanwhile or the product is gone.
        """
        with transaction.atomic():
            if not self.key.organization.is_enterprise:
                text = gettext("%(organization)s no longer has the plan Enterprise; reject the request.")
                raise NotInPlan(text % {"organization": self.key.organization})
            limit = self.requested if granted is None else granted
            if not 1 <= limit <= MAX_QPS:
                raise Refusal(gettext("A limit is between 1 and %(most)s.") % {"most": words.number(MAX_QPS)})
            self._decide(self.State.APPROVED, by=by, note=note, at=at, as_staff=True, granted=limit)
            changed = KeyProduct.objects.filter(key=self.key, product=self.product).update(qps_limit=limit)
            if not changed:
                raise Refusal(gettext("%(product)s is no longer assigned to the key.") % {"product": self.product})

    def reject(self, *, by: User, note: str = "", at: dt.datetime | None = None) -> None:
        """Refuse it with a note for the customer. Raises Refusal when it was decided meanwhile."""
        self._decide(self.State.REJECTED, by=by, note=note, at=at, as_staff=True)

    def _decide(
        self, state: State, *, by: User, note: str, at: dt.datetime | None, as_staff: bool, granted: int | None = None
    ) -> None:
        with transaction.atomic():
            self.key.lock()
            fresh = QpsRequest.objects.get(pk=self.pk)
            if fresh.state != self.State.PENDING:
                decision = words.inside(fresh.get_state_display())
                raise Refusal(gettext("This request was %(state)s already.") % {"state": decision})
            self.state, self.decided_by, self.decided_at, self.note = state, by, at or timezone.now(), note
            self.granted = granted
            self.save(update_fields=["state", "decided_by", "decided_at", "note", "granted"])
            self._record(f"qps.{state}", by, at=at, as_staff=as_staff)
            notices.tell_decided(self, by=by, at=at)

    def _record(self, verb: str, by: User, *, at: dt.datetime | None = None, as_staff: bool = False) -> None:
        after = {"request": self.public_id, "product": self.product.name, "requested": self.requested}
        if self.is_granted_otherwise:
            after["granted"] = self.granted
        if note := self.note if self.decided_at else self.reason:
            after["note"] = note
        AuditEvent.record(
            verb, organization=self.key.organization, actor=by, target=self.key, before={"current": self.current},
            after=after, as_staff=as_staff, at=at,
        )  # fmt: skip
