"""Count hours, days and months of usage anew from the minutes. Safe while gateways run."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Organization
from analytics import rebuild
from dashboard import public_ids


class Command(BaseCommand):
    """Rebuild what can be rebuilt, customer by customer; changes of time zones that were interrupted are finished first."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the organisation."""
        parser.add_argument("--organization", help="the ID of one organisation (org_…); all of them without it")

    def handle(self, *args: Any, organization: str | None = None, **options: Any) -> None:
        """Rebuild and say from when."""
        chosen = Organization.objects.order_by("pk")
        if organization:
            chosen = chosen.filter(public_id=public_ids.normalise(organization, "org") or organization)
            if not chosen:
                raise CommandError(f"There is no organisation {organization}.")
        for each in chosen.iterator():
            done = rebuild.rebuild(each)
            self.stdout.write(f"{each.public_id} {each}: counted anew from {done.counted_from:%Y-%m-%d %H:%M} UTC on")
