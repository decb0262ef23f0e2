"""Fill the usage tables with millions of believable rows, in place of what they hold: for measuring only."""

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from analytics import seeding


class Command(BaseCommand):
    """Refuses where DEBUG is off: it empties the usage tables and makes a thousand customers."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the number of rows."""
        parser.add_argument(
            "--rows", type=int, default=2_000_000, help="about so many rows, in all usage tables together"
        )

    def handle(self, *args: Any, rows: int, **options: Any) -> None:
        """Fill, and say how many rows each table got."""
        if not settings.DEVELOPMENT:
            raise CommandError("This empties the usage tables. It runs where DEBUG is on only.")
        began = time.monotonic()
        counts = seeding.fill(rows, now=timezone.now(), say=self.stdout.write)
        for table, count in counts.items():
            self.stdout.write(f"{table:28} {count:14,}")
        took_s = time.monotonic() - began
        total = sum(counts.values())
        self.stdout.write(f"{total:,} rows in {took_s:,.0f} s ({total / took_s:,.0f} per second)")
