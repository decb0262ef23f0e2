"""The app's name for Django."""

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    """What customers want to be told of."""

    name = "alerts"

    def ready(self) -> None:
        """Have the audit log and notices say conditions and readings, which they keep as figures."""
        from accounts import stories
        from alerts import conditions
        from notices import sayings

        stories.register("condition", conditions.said)
        sayings.register("condition", conditions.said)
        sayings.register("sentence", conditions.said_reading)
