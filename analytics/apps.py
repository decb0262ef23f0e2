"""The app's name for Django."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class AnalyticsConfig(AppConfig):
    """Nothing happens at start."""

    name = "analytics"
    verbose_name = gettext_lazy("Analytics")
