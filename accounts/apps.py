"""The app's name for Django."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Nothing happens at start."""

    name = "accounts"
