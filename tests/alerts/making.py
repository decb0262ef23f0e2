"""Alerts for tests, made through the verb."""

from typing import Any

from accounts.models import Role
from alerts.conditions import CONDITIONS
from alerts.models import Alert, Wish
from keys.models import ApiKey


def wish(key: ApiKey | None, **changes: Any) -> Wish:
    facts: dict[str, Any] = {
        "name": "Many errors", "condition": "errors", "key": key, "minutes": 10, "least_requests": 10, "sends_mail": True,
        "webhook_url": "",
    } | changes  # fmt: skip
    facts.setdefault("threshold", CONDITIONS[facts["condition"]].proposed)
    return Wish(**facts)


def make_alert(key: ApiKey, *, of_all: bool = False, **changes: Any) -> Alert:
    """An alert about a key, or about all keys of its customer."""
    owner = key.organization.memberships.get(role=Role.OWNER).user
    return Alert.create(organization=key.organization, by=owner, wish=wish(None if of_all else key, **changes))
