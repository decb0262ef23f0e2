"""Alerts that a customer sets, what became of them, and the webhooks that went out."""

import datetime as dt
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext, gettext_noop, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from accounts.models import AuditEvent, Organization, User
from alerts import payload
from alerts.conditions import CONDITIONS, Condition, say
from dashboard import public_ids
from keys import vault
from keys.models import ApiKey
from keys.refusals import Refusal, StaleVersion
from notices import outbox

MOST = 50
"""So many alerts an organisation may have."""

TESTS_PER_HOUR = 20
QUEUE = "webhooks"
AFTER_MAIL = -1
"""The priority of webhooks: however many of them a receiver keeps waiting, mail and what is due run first."""

MOST_WAITING = 100
"""So many webhooks of an organisation wait for an answer: who takes none must not take the time of other customers' webhooks."""

TOO_MANY = gettext_noop("Too many webhooks of your organisation wait for an answer already.")
STALE = _("Someone else changed this alert a moment ago. Open it again to see what it is now.")


def make_alert_id() -> str:
    """Return a new public ID of an alert."""
    return public_ids.make("alert")


def make_event_id() -> str:
    """Return a new public ID of an event of an alert."""
    return public_ids.make("aev")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants of an alert. Of the threshold the condition says what it counts."""

    name: str
    condition: str
    key: ApiKey | None
    threshold: int
    minutes: int
    least_requests: int
    sends_mail: bool
    webhook_url: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What was measured for an alert: the value in the condition's unit, and the figures of a sentence of that kind."""

    value: float
    kind: str
    figures: dict[str, Any]

    @property
    def words(self) -> str:
        """The sentence, in the reader's language."""
        return say(self.kind, self.figures)


class AlertQuerySet(models.QuerySet["Alert"]):
    """Narrowings of alerts."""

    def watched(self) -> Self:
        """Those that are evaluated: not paused, and of an organisation and a key that are there."""
        kept = self.filter(paused_at=None, organization__suspended_at=None, organization__deleted_at=None)
        return kept.filter(models.Q(key=None) | models.Q(key__deleted_at=None)).select_related("organization", "key")


class Alert(models.Model):
    """A condition of an organisation or one of its keys, and whom to tell when it is met.

    `fired_at` is set from when it fires until it is over; meanwhile it does not fire again.
    """

    public_id = models.CharField("ID", max_length=24, unique=True, default=make_alert_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="alerts")
    key = models.ForeignKey(ApiKey, null=True, on_delete=models.CASCADE, related_name="alerts")
    name = models.CharField(max_length=80)
    condition = models.CharField(max_length=10, choices=[(each.code, each.name) for each in CONDITIONS.values()])
    threshold = models.PositiveBigIntegerField()
    minutes = models.PositiveSmallIntegerField(default=10)
    least_requests = models.PositiveIntegerField(default=0)
    sends_mail = models.BooleanField(default=True)
    webhook_url = models.CharField(max_length=500, blank=True)
    webhook_secret = models.BinaryField(null=True)
    fired_at = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    objects = AlertQuerySet.as_manager()
    new_secret = ""
    """The signing secret in the answer that made it; afterwards only sealed."""

    class Meta:
        ordering = ["name", "pk"]
        constraints = [models.CheckConstraint(condition=models.Q(threshold__gte=1), name="alert_threshold_positive")]

    def __str__(self) -> str:
        return self.name

    @property
    def terms(self) -> Condition:
        """What its condition measures."""
        return CONDITIONS[self.condition]

    @property
    def sentence(self) -> str:
        """The condition in words."""
        return self.terms.say(threshold=self.threshold, minutes=self.minutes, least=self.least_requests)

    @property
    def state(self) -> str:
        """In a word: paused, firing or ok."""
        return "paused" if self.paused_at else "firing" if self.fired_at else "ok"

    @property
    def webhook_host(self) -> str:
        """The host of the webhook: what the log and viewers see, as the path may be a secret of the receiver."""
        return urlsplit(self.webhook_url).hostname or ""

    @classmethod
    def create(cls, *, organization: Organization, by: User, wish: Wish, at: dt.datetime | None = None) -> "Alert":
        """Make an alert. Its `new_secret` is the signing secret where there is a webhook. Raises Refusal past MOST."""
        with transaction.atomic():
            organization.lock()
            if organization.alerts.count() >= MOST:
                raise Refusal(gettext("An organisation can have %(most)s alerts. Delete one first.") % {"most": MOST})
            alert = cls(organization=organization, created_by=by, created_at=at or timezone.now())
            alert._take(wish)
            alert.save(force_insert=True)
            alert._record("alert.created", by, after=alert._facts(), at=at)
        return alert

    def edit(self, *, by: User, wish: Wish, version: int) -> None:
        """Change everything but the kind of condition. A firing alert begins anew. Raises StaleVersion."""
        with self._locked(version=version):
            before = self._facts()
            self._take(wish)
            self.fired_at = None
            after = self._facts()
            if before == after and not self.new_secret:
                return
            fields = ("name", "key", "threshold", "minutes", "least_requests", "sends_mail", "webhook_url")
            self._save(*fields, "webhook_secret", "fired_at")
            changed = [name for name in after if before[name] != after[name]]
            self._record(
                "alert.edited", by, before={n: before[n] for n in changed}, after={n: after[n] for n in changed}
            )

    def pause(self, *, by: User) -> None:
        """Evaluate it no more until it is resumed. Safe to repeat."""
        with self._locked():
            if self.paused_at is None:
                self.paused_at, self.fired_at = timezone.now(), None
                self._save("paused_at", "fired_at")
                self._record("alert.paused", by)

    def resume(self, *, by: User) -> None:
        """Evaluate it again. Safe to repeat."""
        with self._locked():
            if self.paused_at is not None:
                self.paused_at = None
                self._save("paused_at")
                self._record("alert.resumed", by)

    def renew_secret(self, *, by: User) -> None:
        """Sign with a new secret from the next webhook on; it is in `new_secret`. Raises Refusal without a webhook."""
        with self._locked():
            if not self.webhook_url:
                raise Refusal(gettext("This alert has no webhook."))
            self._make_secret()
            self._save("webhook_secret")
            self._record("alert.secret_renewed", by)

    def discard(self, *, by: User) -> None:
        """Delete it with its history. Safe to repeat."""
        with transaction.atomic():
            found = Alert.objects.select_for_update().filter(pk=self.pk).first()
            if found is not None:
                found._record("alert.deleted", by, before=found._facts())
                found.delete()

    def try_out(self, *, by: User) -> "AlertEvent":
        """Send what would be sent, marked as a test: the mail to who asks, the webhook to its address. Raises Refusal."""
        with self._locked():
            # The history goes with an alert that is deleted, the log does not.
            recent = self.organization.audit_events.filter(verb="alert.tested")
            if recent.filter(at__gt=timezone.now() - dt.timedelta(hours=1)).count() >= TESTS_PER_HOUR:
                text = gettext("%(count)s tests were sent in the last hour. Try again later.")
                raise Refusal(text % {"count": TESTS_PER_HOUR})
            self._record("alert.tested", by)
            return self._tell(AlertEvent.Kind.TEST, self._own_terms(), people=[by])

    def note(self, reading: Reading, *, is_met: bool, version: int, now: dt.datetime) -> bool:
        """Take what was measured for a version: fire, or be over. Returns whether that changed anything.

        Two workers that measured at once wait for each other here; the second one finds it done.
        """
        with transaction.atomic():
            fresh = Alert.objects.select_for_update(of=("self",)).filter(pk=self.pk, version=version).first()
            if fresh is None or fresh.paused_at or is_met == bool(fresh.fired_at):
                return False
            fresh.fired_at = now if is_met else None
            fresh.save(update_fields=["fired_at"])
            kind = AlertEvent.Kind.FIRED if is_met else AlertEvent.Kind.RECOVERED
            fresh._tell(kind, reading, people=fresh.organization.key_managers(), at=now)
        return True

    # What the verbs share ---------------------------------------------------------------------------------------------
    @contextmanager
    def _locked(self, *, version: int | None = None) -> Iterator[None]:
        """Lock the row, bring this object up to date, and check the version that a form was made from."""
        with transaction.atomic():
            fresh = Alert.objects.select_for_update(of=("self",)).filter(pk=self.pk).first()
            if fresh is None:
                raise Refusal(gettext("This alert has been deleted."))
            for field in self._meta.concrete_fields:
                setattr(self, field.attname, getattr(fresh, field.attname))
            if version is not None and version != self.version:
                raise StaleVersion(str(STALE))
            yield

    def _take(self, wish: Wish) -> None:
        for name in ("name", "condition", "key", "threshold", "minutes", "least_requests", "sends_mail", "webhook_url"):
            setattr(self, name, getattr(wish, name))
        if not self.webhook_url:
            self.webhook_secret = None
        elif self.webhook_secret is None:
            self._make_secret()

    def _make_secret(self) -> None:
        self.new_secret = f"whsec_{secrets.token_urlsafe(32)}"
        self.webhook_secret = vault.seal(self.new_secret, **self.place())

    def secret(self) -> str:
        """Open the signing secret. Raises keys.vault.SealError; only for signing."""
        return vault.open_sealed(bytes(self.webhook_secret or b""), **self.place())

    def place(self) -> dict[str, Any]:
        """Return where the vault seals the signing secret."""
        return {"organization": self.organization.public_id, "key": self.public_id, "number": 0}

    def _facts(self) -> dict[str, Any]:
        """What the log keeps; the condition as figures, which become words when somebody reads them."""
        return {
            "name": self.name,
            "condition": self._own_terms().figures,
            "key": self.key.name if self.key else "",
            "mail": self.sends_mail,
            "webhook": self.webhook_host,
        }

    def _save(self, *fields: str) -> None:
        self.version += 1
        self.save(update_fields=[*fields, "version"])

    def _record(self, verb: str, by: User, **details: Any) -> None:
        AuditEvent.record(verb, organization=self.organization, actor=by, target=self, **details)

    def _own_terms(self) -> Reading:
        """What a test says: the condition itself."""
        figures = {"threshold": self.threshold, "minutes": self.minutes, "least": self.least_requests}
        return Reading(self.threshold, "condition", {"code": self.condition, **figures})

    def _tell(
        self, kind: str, reading: Reading, *, people: Iterable[User], at: dt.datetime | None = None
    ) -> "AlertEvent":
        with translation.override(settings.LANGUAGE_CODE):  # what webhooks carry
            sentence = reading.words[:300]
        event = AlertEvent.objects.create(
            alert=self, kind=kind, value=reading.value, sentence=sentence, at=at or timezone.now(),
            reading={"kind": reading.kind, "figures": reading.figures},
        )  # fmt: skip
        if kind == AlertEvent.Kind.RECOVERED and self.terms.is_over_silently:
            return event
        if self.sends_mail:
            self._post(event, people)
        if self.webhook_url:
            Delivery.keep(event)
        return event

    def _post(self, event: "AlertEvent", people: Iterable[User]) -> None:
        """Write a notice to each; what it says becomes words when somebody reads it."""
        context = {"alert": self.name, "sentence": event.reading, "condition": self._own_terms().figures}
        context["scope"] = self.key.name if self.key else "All keys"
        kind = f"alert.{event.kind}"
        outbox.post(
            kind, organization=self.organization, people=people, context=context, about=self.public_id, at=event.at
        )  # fmt: skip


class AlertEvent(models.Model):
    """Something that became of an alert: it fired, was over, or was tried out."""

    class Kind(models.TextChoices):
        """What it was."""

        FIRED = "fired", pgettext_lazy("alert", "Fired")
        RECOVERED = "recovered", pgettext_lazy("alert", "Over")
        TEST = "test", pgettext_lazy("alert", "Test")

    public_id = models.CharField("ID", max_length=24, unique=True, default=make_event_id, editable=False)
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=10, choices=Kind)
    value = models.FloatField()
    sentence = models.CharField(max_length=300)
    reading = models.JSONField(default=dict)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["alert", "-at"], name="events_of_alert"),
            models.Index(fields=["at"], name="alert_events_by_age"),
        ]

    def __str__(self) -> str:
        return self.sentence

    @property
    def words(self) -> str:
        """What was measured, in the reader's language; `sentence` is the same for machines."""
        return say(self.reading["kind"], self.reading["figures"]) if self.reading else self.sentence


class Delivery(models.Model):
    """A webhook that goes out, with its fate. The body is what is signed, at every attempt the same."""

    event = models.OneToOneField(AlertEvent, on_delete=models.CASCADE, related_name="delivery")
    url = models.CharField(max_length=500)
    body = models.TextField()
    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    tried_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.CharField(max_length=300, blank=True)
    error = models.CharField(max_length=300, blank=True)
    taken_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "deliveries"

    def __str__(self) -> str:
        return f"{self.url}: {self.state}"

    @property
    def told_error(self) -> str:
        """What went wrong, in the reader's language."""
        return gettext(self.error) if self.error else ""

    @property
    def state(self) -> str:
        """What became of it, in a word."""
        if self.taken_at:
            return "taken"
        if self.failed_at:
            return "failed"
        return "retrying" if self.attempts else "waiting"

    @classmethod
    def keep(cls, event: AlertEvent) -> None:
        """Have a worker send an event after the commit. Past MOST_WAITING it has failed at once, as the history says."""
        delivery = cls(event=event, url=event.alert.webhook_url, body=payload.body_of(event))
        waiting = cls.objects.filter(
            taken_at=None, failed_at=None, created_at__gt=timezone.now() - dt.timedelta(days=1)
        )
        if waiting.filter(event__alert__organization=event.alert.organization_id).count() >= MOST_WAITING:
            delivery.error, delivery.failed_at = TOO_MANY, timezone.now()
        delivery.save(force_insert=True)
        if not delivery.failed_at:
            outbox.defer("alerts.deliver", QUEUE, [{"delivery": delivery.pk}], priority=AFTER_MAIL)
