"""Fields that forms of all rooms have."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.renderers import TemplatesSetting
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from keys import pasted

_WRONG_CHOICE = _("This cannot be chosen here. Choose one of what is offered.")


class ShownField(forms.BoundField):
    """A field as a page shows it: what was sent comes back to be mended, but no key."""

    def value(self) -> Any:
        """Return what stands in the field; empty where a key was sent."""
        shown = super().value()
        return "" if self.form.is_bound and isinstance(shown, str) and pasted.holds_key(shown) else shown


class Renderer(TemplatesSetting):
    """Renders forms from our templates, every field as a `ShownField`."""

    bound_field_class = ShownField


def refuse_address(name: str) -> None:
    """Refuse a web address in a name that strangers read in invitations: it would be somebody's advertisement, sent by us."""
    if re.search(r"://|\bwww\.", name, re.IGNORECASE):
        raise ValidationError(gettext("A name has no web address in it."))


def say_wrong_choices_without_them() -> None:
    """Change what Django's fields say of a choice that they do not offer; it would repeat the choice, also in the admin."""
    for field in (forms.ChoiceField, forms.MultipleChoiceField, forms.ModelChoiceField, forms.ModelMultipleChoiceField):
        field.default_error_messages["invalid_choice"] = _WRONG_CHOICE
    forms.ModelMultipleChoiceField.default_error_messages["invalid_pk_value"] = _WRONG_CHOICE


class NameField(forms.CharField):
    """A name that others read, also in mails: in one line, with nothing in it that cannot be shown."""

    def to_python(self, value: Any) -> str:
        """Return the name with single spaces. Raises ValidationError."""
        name = " ".join(str(super().to_python(value) or "").split())
        if not name.isprintable():
            raise ValidationError(gettext("The name has characters that cannot be shown."))
        return name
