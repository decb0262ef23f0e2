"""Fields that forms of all rooms have."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext


class NameField(forms.CharField):
    """A name that others read, also in mails: in one line, with nothing in it that cannot be shown."""

    def to_python(self, value: Any) -> str:
        """Return the name with single spaces. Raises ValidationError."""
        name = " ".join(str(super().to_python(value) or "").split())
        if not name.isprintable():
            raise ValidationError(gettext("The name has characters that cannot be shown."))
        return name
