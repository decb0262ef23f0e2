"""The app's name for Django, and what forms of all rooms have in common."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    """What all rooms share."""

    name = "dashboard"

    def ready(self) -> None:
        """Have no form repeat what was sent, which may be a key."""
        from dashboard import fields

        fields.say_wrong_choices_without_them()
