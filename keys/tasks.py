"""Jobs of keys."""

from procrastinate.contrib.django import app

from keys import due


@app.periodic(cron="10 * * * *")
@app.task(name="keys.due", queue="periodic", queueing_lock="keys.due")
def tell_due(timestamp: int) -> None:
    """Tell of ends that are near or have passed."""
    due.tell_due()
