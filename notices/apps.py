"""The app's name for Django."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class NoticesConfig(AppConfig):
    """Nothing happens at start."""

    name = "notices"
    verbose_name = gettext_lazy("Notices")
