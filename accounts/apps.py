"""The app's name for Django, and what is checked at start."""

from django.apps import AppConfig
from django.core.checks import register
from django.utils.translation import gettext_lazy


class AccountsConfig(AppConfig):
    """Customers, their people and what these may do."""

    name = "accounts"
    verbose_name = gettext_lazy("People and organisations")

    def ready(self) -> None:
        """Have the role matrix checked with the project, the audit log listen to allauth, and notices know our words."""
        from accounts import security_events
        from accounts.checks import check_roles
        from accounts.models.membership import said_role
        from accounts.signin import devices
        from notices import sayings

        register(check_roles, "urls")
        security_events.connect()
        sayings.register("role", said_role)
        sayings.register("device", devices.said)
