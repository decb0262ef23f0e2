#!/usr/bin/env python
"""Django's command line. In development it brings its own PostgreSQL when DATABASE_URL names none."""

import os
import sys


def main() -> None:
    """Run one management command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    from dashboard import postgres

    postgres.provide()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
