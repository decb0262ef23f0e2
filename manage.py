#!/usr/bin/env python
"""Django's command line. In development it brings its own PostgreSQL when DATABASE_URL names none."""

import os
import sys


def main() -> None:
    """Run one management command; say in one sentence which setting stops it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    from dashboard import postgres

    postgres.provide()
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"Latchkey does not start: {error}")


if __name__ == "__main__":
    main()
