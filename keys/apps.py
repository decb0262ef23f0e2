"""The app's name for Django."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class KeysConfig(AppConfig):
    """Nothing happens at start."""

    name = "keys"
    verbose_name = gettext_lazy("API keys")
