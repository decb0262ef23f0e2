"""Jobs of notices. Nothing that is true depends on when they run: each looks at what is due and does it once."""

import datetime as dt
from typing import Any

from procrastinate import BaseRetryStrategy, RetryDecision, exceptions
from procrastinate.contrib.django import app
from procrastinate.jobs import Job

from notices import letters
from notices.outbox import QUEUE

STALLED_SECONDS = 60


class Later(Exception):
    """The job is to run again after a while."""

    def __init__(self, wait: dt.timedelta) -> None:
        super().__init__(f"again in {wait}")
        self.wait = wait


class WhenSaid(BaseRetryStrategy):
    """Run a job again when it asks for that, and where something unexpected ended it a few times more."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """Return when to run it again; none gives it up."""
        if isinstance(exception, Later):
            return RetryDecision(retry_in={"seconds": int(exception.wait.total_seconds())})
        if job.attempts < len(letters.WAITS):
            return RetryDecision(retry_in={"seconds": int(letters.WAITS[job.attempts].total_seconds())})
        return None


@app.task(name="notices.send", queue=QUEUE, retry=WhenSaid())
def send(letter: str) -> None:
    """Send one letter."""
    if wait := letters.send(letter):
        raise Later(wait)


@app.periodic(cron="*/5 * * * *")
@app.task(name="notices.digest", queue="periodic", queueing_lock="notices.digest")
def digest(timestamp: int) -> None:
    """Send the digests that are due."""
    letters.digest_due()


@app.periodic(cron="* * * * *")
@app.task(name="notices.rescue", queue="periodic", queueing_lock="notices.rescue", pass_context=True)
async def rescue(context: Any, timestamp: int) -> None:
    """Run the jobs again whose worker was killed."""
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
        try:
            await manager.retry_job(job)
        except exceptions.ConnectorException:
            continue  # it has ended meanwhile, or another of its kind waits already
