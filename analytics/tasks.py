"""Jobs of analytics."""

from procrastinate.contrib.django import app

from analytics import rebuild, watch


@app.periodic(cron="5 * * * *")
@app.task(name="analytics.watch", queue="periodic", queueing_lock="analytics.watch")
def tell_unusual(timestamp: int) -> None:
    """Tell of keys that went silent or of which many requests are refused."""
    watch.tell_unusual()


@app.periodic(cron="* * * * *")
@app.task(name="analytics.recount", queue="periodic", queueing_lock="analytics.recount", lock="analytics.recount")
def recount(timestamp: int) -> None:
    """Count hours and days anew where an organisation has got another time zone."""
    rebuild.finish_changes()
