"""How the requests of a key move from its old string to the new one, while both work: what still comes with the old one, from where."""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext

from analytics.charts import Sketch, sketch
from analytics.models import RequestRecord
from dashboard import words
from keys.models import ApiKey

MINUTE: Final = dt.timedelta(minutes=1)
STEP: Final = 10 * MINUTE
STEPS: Final = 36
IN_HOUR: Final = 6
CALLERS: Final = 5


@dataclass(frozen=True, slots=True)
class Straggler:
    """Who still uses the old string: how many requests of the last hour that were kept, and when the last one came."""

    network: str
    client: str
    requests: int
    last_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Handover:
    """The last six hours of a key in steps of ten minutes, by whether its old string came with a request."""

    old: tuple[int, ...]
    new: tuple[int, ...]
    stragglers: tuple[Straggler, ...]

    @property
    def last_hour(self) -> int:
        """Requests with the old string in the last hour."""
        return sum(self.old[-IN_HOUR:])

    @property
    def hour_before(self) -> int:
        """Requests with the old string in the hour before the last one."""
        return sum(self.old[-2 * IN_HOUR : -IN_HOUR])

    @property
    def is_quiet(self) -> bool:
        """Whether nothing came with the old string in all of the six hours."""
        return not any(self.old)

    @property
    def sketch(self) -> Sketch:
        """What came with the old string, and on it what came with the new one."""
        return sketch(self.new, self.old)

    @property
    def sentence(self) -> str:
        """What the drawing says to those who do not see it."""
        told = {"old": words.requests(sum(self.old)), "new": words.requests(sum(self.new))}
        return gettext("The last six hours: %(old)s with the old string, %(new)s with the new one") % told


_COUNTED = """
SELECT floor(extract(epoch FROM minute - %(start)s) / %(step)s)::int AS place,
       coalesce(sum(requests) FILTER (WHERE secret_number = %(number)s), 0)::bigint,
       coalesce(sum(requests) FILTER (WHERE secret_number > %(number)s), 0)::bigint
FROM usage_minute WHERE key_id = %(key_id)s AND minute >= %(start)s AND minute < %(end)s GROUP BY 1
"""
_STRAGGLERS = f"""
SELECT network, client, count(*), max(at) FROM {RequestRecord._meta.db_table}
WHERE key_id = %(key_id)s AND secret_number = %(number)s AND at >= %(hour)s GROUP BY 1, 2 ORDER BY 3 DESC, 4 DESC LIMIT %(callers)s
"""  # noqa: S608 - put together from a constant


def of_key(key: ApiKey) -> Handover | None:
    """Return how far the move is; None where no old string works. Two queries more where one does."""
    secret = key.secret_in_grace
    if secret is None:
        return None
    end = timezone.now().replace(second=0, microsecond=0) + MINUTE
    named: dict[str, Any] = {
        "key_id": key.pk, "number": secret.number, "start": end - STEPS * STEP, "end": end, "step": STEP.total_seconds(),
        "hour": end - IN_HOUR * STEP, "callers": CALLERS,
    }  # fmt: skip
    old, new = [0] * STEPS, [0] * STEPS
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED, named)
        for place, with_old, with_new in cursor.fetchall():
            old[place], new[place] = with_old, with_new
        cursor.execute(_STRAGGLERS, named)
        stragglers = tuple(Straggler(*row) for row in cursor.fetchall())
    return Handover(tuple(old), tuple(new), stragglers)
