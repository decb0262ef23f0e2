"""Formats of Django's own pages, the admin's, where the language's are not those of the dashboard."""
