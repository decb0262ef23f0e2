"""What a webhook carries. Documented in docs/alerts.md; whoever adds a field adds it there."""

import json
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.urls import reverse

if TYPE_CHECKING:
    from alerts.models import AlertEvent


def body_of(event: "AlertEvent") -> str:
    """Return the body for an event, as it is sent and signed. Never a key's string, only its ID."""
    alert = event.alert
    key = alert.key
    content: dict[str, Any] = {
        "id": event.public_id,
        "type": f"alert.{event.kind}",
        "at": event.at.isoformat(timespec="seconds"),
        "message": event.sentence,
        "value": event.value,
        "unit": alert.terms.unit,
        "alert": {
            "id": alert.public_id,
            "name": alert.name,
            "condition": alert.condition,
            "threshold": alert.threshold,
            "url": settings.DASHBOARD_URL + reverse("alerts:detail", args=[alert.public_id]),
        },
        "organization": {"id": alert.organization.public_id, "name": alert.organization.name},
        "key": {"id": key.public_id, "name": key.name} if key else None,
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
