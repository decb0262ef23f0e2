"""The app's name for Django."""

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    """What customers want to be told of."""

    name = "alerts"

    def ready(self) -> None:
        """Have the audit log say conditions, which it keeps as figures."""
        from accounts import stories
        from alerts.conditions import said

        stories.register("condition", said)
