"""Permissions in the reader's language: the database keeps their names in English."""

from typing import Any

from django import forms
from django.contrib.auth.models import Permission
from django.utils.translation import gettext, pgettext_lazy

_MAY = {
    "add": pgettext_lazy("permission", "add"),
    "change": pgettext_lazy("permission", "change"),
    "delete": pgettext_lazy("permission", "delete"),
    "view": pgettext_lazy("permission", "view"),
}


def said(permission: Permission) -> str:
    """Return a permission as people choose it: "API keys | product: change"."""
    act = permission.codename.partition("_")[0]
    what = str(_MAY[act]) if act in _MAY else gettext(permission.name)
    return f"{permission.content_type}: {what}"


class Choices(forms.ModelMultipleChoiceField):
    """Permissions, or groups of them, to choose from."""

    def label_from_instance(self, obj: Any) -> str:
        """Name a permission in words of the reader."""
        return said(obj) if isinstance(obj, Permission) else super().label_from_instance(obj)
