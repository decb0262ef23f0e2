"""The app's name for Django."""

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    """Nothing happens at start."""

    name = "alerts"
