"""The app's name for Django."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class SupportConfig(AppConfig):
    """Nothing happens at start."""

    name = "support"
    verbose_name = gettext_lazy("Support")
