"""Jobs that concern every room."""

from django.core.management import call_command
from procrastinate.contrib.django import app


@app.periodic(cron="30 3 * * *")
@app.task(name="dashboard.housekeeping", queue="periodic", queueing_lock="dashboard.housekeeping")
def housekeeping(timestamp: int) -> None:
    """Forget what is kept no longer."""
    call_command("housekeeping", verbosity=0)
