"""Deliveries become webhooks: sent until the receiver takes them, six times at most within some hours."""

import datetime as dt
from typing import Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from alerts import webhooks
from alerts.models import Delivery

WAITS: Final = tuple(dt.timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 240))
"""How long is waited after each attempt that failed; after the one that follows the last wait it has failed."""


def send(pk: int) -> dt.timedelta | None:
    """Send a delivery that has not ended; return how long to wait when there is to be another attempt.

    The row is locked meanwhile, so two workers never send it both. A process that is killed between the answer and the commit
    sends it again: receivers know an event by its ID.
    """
    with transaction.atomic():
        found = Delivery.objects.select_for_update(of=("self",)).select_related("event__alert__organization")
        delivery = found.filter(pk=pk, taken_at=None, failed_at=None).first()
        if delivery is None:
            return None
        alert = delivery.event.alert
        if alert.webhook_secret is None:
            answer = webhooks.Answer(error=gettext_noop("The webhook was removed before it was sent."))
        else:
            answer = webhooks.send(delivery.url, delivery.body, secret=alert.secret())
        wait = _note(delivery, answer, is_last=alert.webhook_secret is None)
        delivery.save(
            update_fields=["attempts", "tried_at", "status", "answer", "error", "taken_at", "failed_at"],
        )
    return wait


def _note(delivery: Delivery, answer: webhooks.Answer, *, is_last: bool) -> dt.timedelta | None:
    now = timezone.now()
    delivery.attempts, delivery.tried_at = delivery.attempts + 1, now
    delivery.status, delivery.answer, delivery.error = answer.status, answer.text, answer.error
    if answer.is_taken:
        delivery.taken_at = now
    elif is_last or delivery.attempts > len(WAITS):
        delivery.failed_at = now
    else:
        return WAITS[delivery.attempts - 1]
    return None
