"""What is kept no longer is forgotten, the rest stays."""

import datetime as dt

import pytest
from django.core.management import call_command
from django.utils import timezone

from analytics.models import RequestRecord, UsageDay, UsageError, UsageHour, UsageMinute
from dashboard.management.commands import housekeeping
from keys.models import GatewayChange

DAY = dt.timedelta(days=1)
CASES = [
    (UsageMinute, "minute", 35, {"key_id": 1, "product_id": 1, "organization_id": 1}),
    (UsageHour, "hour", 400, {"key_id": 1, "product_id": 1, "organization_id": 1}),
    (UsageError, "hour", 400, {"key_id": 1, "organization_id": 1, "status": 404, "outcome": "ok"}),
    (UsageDay, "date", 5 * 366, {"key_id": 1, "product_id": 1, "organization_id": 1}),
    (RequestRecord, "at", 3, {"tracking_id": "x", "outcome": "ok", "status": 200}),
    (GatewayChange, "at", 2, {}),
]


@pytest.mark.parametrize(("model", "column", "days", "fields"), CASES)
def test_rows_are_kept_as_long_as_said(db, monkeypatch, model, column, days, fields):
    monkeypatch.setattr(housekeeping, "BATCH", 2)  # so that five rows take three batches
    now = timezone.now()
    for number, age in enumerate([days + 1, days + 2, days + 3, days + 4, days + 5, days - 1, 0]):
        if model is GatewayChange:
            fields = {"number": 10**9 + number}
        model.objects.create(**fields | {column: now - age * DAY})
    call_command("housekeeping", verbosity=0)
    ages = {
        (now.date() - getattr(value, "date", lambda v=value: v)()).days
        for value in model.objects.values_list(column, flat=True)
    }
    assert ages >= {days - 1, 0}
    assert max(ages) <= days
