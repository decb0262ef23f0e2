"""Usage for tests: written through the gateway's own function where it can be, so that tests see what production writes."""

import datetime as dt
from typing import Any

from django.db import connection, transaction

from gateway import usage
from keys.models import ApiKey, Product


def delta(
    key: ApiKey, code: str | None, at: dt.datetime, requests: int = 1, *, string: int = 1, peak: int = 1,
    duration_ms: int = 0, durations: int = 0, **failed: int,
) -> usage.Delta:  # fmt: skip
    """Requests of one minute. `failed` counts by `status_outcome`: `s429_over_qps=3`, `s404_ok=2`; they are part of `requests`."""
    reasons = []
    for name, count in failed.items():
        status, _, outcome = name.removeprefix("s").partition("_")
        reasons.append((int(status), outcome, count))
    assert sum(count for _, _, count in reasons) <= requests
    return usage.Delta(
        organization_id=key.organization_id,
        key_id=key.pk,
        product_id=Product.objects.get(code=code).pk if code else 0,
        secret_number=string,
        minute=at.replace(second=0, microsecond=0),
        requests=requests,
        over_qps=sum(count for status, _, count in reasons if status == 429),
        errors_4xx=sum(count for status, _, count in reasons if 400 <= status < 500 and status != 429),
        errors_5xx=sum(count for status, _, count in reasons if status >= 500),
        peak_qps=peak,
        reasons=tuple(reasons),
        duration_ms_sum=duration_ms,
        duration_count=durations,
    )


def add(deltas: list[usage.Delta]) -> None:
    """Add what was counted, in one transaction."""
    with transaction.atomic():
        usage.add(connection.connection, deltas)


def record(*place: Any, **counted: Any) -> None:
    """Add requests of one minute, see `delta`."""
    add([delta(*place, **counted)])
