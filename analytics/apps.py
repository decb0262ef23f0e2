"""The app's name for Django."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class AnalyticsConfig(AppConfig):
    """Keys learn what their requests say of them."""

    name = "analytics"
    verbose_name = gettext_lazy("Analytics")

    def ready(self) -> None:
        """Have the state of a key tell of its traffic, wherever it is shown, counted or looked for."""
        from analytics.key_states import TRAFFIC
        from keys import traffic

        traffic.read_with(TRAFFIC)
