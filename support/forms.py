"""What support types."""

from typing import Any

from django import forms

from accounts import bulk


class SearchForm(forms.Form):
    """One field for whatever a customer quotes. It is sent by POST, so that a pasted key reaches no address and no log."""

    q = forms.CharField(
        label="Key ID, hint, Tracking-ID, organisation or e-mail",
        max_length=254,
        widget=forms.TextInput(
            attrs={
                "class": "input",
                "autocomplete": "off",
                "autocapitalize": "none",
                "spellcheck": "false",
                "autofocus": True,
            }
        ),
        error_messages={
            "required": "Type what the customer quoted.",
            "max_length": "That is too long for anything we look up.",
        },
    )


class DisableForm(bulk.ReasonForm):
    """Why a key is disabled."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].widget = forms.TextInput(
            attrs={"class": "input", "autocomplete": "off", "autofocus": True}
        )
