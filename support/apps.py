"""The app's name for Django."""

from django.apps import AppConfig


class SupportConfig(AppConfig):
    """Nothing happens at start."""

    name = "support"
