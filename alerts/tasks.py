"""Jobs of alerts."""

from procrastinate.contrib.django import app

from alerts import deliveries, evaluation
from alerts.models import QUEUE
from notices.tasks import Later, WhenSaid


@app.periodic(cron="* * * * *")
@app.task(name="alerts.evaluate", queue="periodic", queueing_lock="alerts.evaluate")
def evaluate(timestamp: int) -> None:
    """Hold every alert against the usage."""
    evaluation.evaluate()


@app.task(name="alerts.deliver", queue=QUEUE, retry=WhenSaid())
def deliver(delivery: int) -> None:
    """Send one webhook."""
    if wait := deliveries.send(delivery):
        raise Later(wait)
