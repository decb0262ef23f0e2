"""What support types."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import bulk
from keys.forms import ActionForm
from keys.models import QpsRequest
from keys.models.qps_request import MAX_QPS
from keys.pasted import refuse_key


class SearchForm(forms.Form):
    """One field for whatever a customer quotes. It is sent by POST, so that a pasted key reaches no address and no log."""

    q = forms.CharField(
        label=gettext_lazy("Key ID, hint, domain, Tracking-ID, organisation, person or e-mail"),
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
            "required": gettext_lazy("Type what the customer quoted."),
            "max_length": gettext_lazy("That is too long for anything we look up."),
        },
    )


class ReasonForm(bulk.ReasonForm):
    """Why something is disabled or suspended."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].widget = forms.TextInput(
            attrs={"class": "input", "autocomplete": "off", "autofocus": True}
        )


class NoteForm(forms.Form):
    """A note for other staff."""

    text = forms.CharField(
        label=gettext_lazy("New note"),
        max_length=2000,
        validators=[refuse_key],
        help_text=gettext_lazy("Only staff read it, and it stays as it is. Never a key in it."),
        widget=forms.Textarea(attrs={"rows": 2, "class": "input"}),
        error_messages={"required": gettext_lazy("Write the note first.")},
    )


class DecisionForm(ActionForm):
    """What becomes of a QPS request."""

    granted = forms.IntegerField(
        label=gettext_lazy("New limit"),
        min_value=1,
        max_value=MAX_QPS,
        help_text=gettext_lazy("What was asked for, or another value."),
        error_messages={"required": gettext_lazy("Say which limit the key gets.")},
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    note = forms.CharField(
        label=gettext_lazy("Note to the customer"),
        max_length=500,
        required=False,
        validators=[refuse_key],
        help_text=gettext_lazy(
            "The customer reads this in the dashboard and in the mail. A rejection needs one: why, and what to do instead."
        ),
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    decision = forms.ChoiceField(
        choices=[("approve", gettext_lazy("Approve")), ("reject", gettext_lazy("Reject"))], widget=forms.HiddenInput
    )

    def __init__(self, *args: Any, wish: QpsRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["granted"].initial = wish.requested
        self.fields["granted"].required = self.data.get("decision") != "reject"

    def clean(self) -> dict[str, Any]:
        """Ask for the reason of a rejection."""
        cleaned = super().clean() or {}
        if cleaned.get("decision") == "reject" and not cleaned.get("note") and "note" not in self.errors:
            self.add_error("note", _("Say why, and what to do instead."))
        return cleaned
