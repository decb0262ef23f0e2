"""Jobs of analytics."""

from procrastinate.contrib.django import app

from analytics import watch


@app.periodic(cron="5 * * * *")
@app.task(name="analytics.watch", queue="periodic", queueing_lock="analytics.watch")
def tell_unusual(timestamp: int) -> None:
    """Tell of keys that went silent or of which many requests are refused."""
    watch.tell_unusual()
