"""The app's name for Django."""

from django.apps import AppConfig


class KeysConfig(AppConfig):
    """Nothing happens at start."""

    name = "keys"
