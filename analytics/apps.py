"""The app's name for Django."""

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    """Nothing happens at start."""

    name = "analytics"
