"""Jobs of alerts."""

import datetime as dt
import threading

from procrastinate.contrib.django import app

from alerts import deliveries, evaluation, webhooks
from alerts.models import QUEUE
from notices.tasks import Later, WhenSaid

SLOTS = threading.BoundedSemaphore(2)
"""So many of a worker's four jobs may be webhooks, whose receivers can be slow: mail and what is due have the others."""

BUSY = dt.timedelta(seconds=webhooks.TIMEOUT_S)


@app.periodic(cron="* * * * *")
@app.task(name="alerts.evaluate", queue="periodic", queueing_lock="alerts.evaluate")
def evaluate(timestamp: int) -> None:
    """Hold every alert against the usage."""
    evaluation.evaluate()


@app.task(name="alerts.deliver", queue=QUEUE, retry=WhenSaid())
def deliver(delivery: int) -> None:
    """Send one webhook, as soon as fewer than SLOTS are on their way."""
    if not SLOTS.acquire(blocking=False):
        raise Later(BUSY)
    try:
        wait = deliveries.send(delivery)
    finally:
        SLOTS.release()
    if wait:
        raise Later(wait)
