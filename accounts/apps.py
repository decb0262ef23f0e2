"""The app's name for Django, and what is checked at start."""

from django.apps import AppConfig
from django.core.checks import register


class AccountsConfig(AppConfig):
    """Customers, their people and what these may do."""

    name = "accounts"

    def ready(self) -> None:
        """Have the role matrix checked with the project, and the audit log listen to what allauth tells."""
        from accounts import security_events
        from accounts.checks import check_roles

        register(check_roles, "urls")
        security_events.connect()
