"""The forms of second factors and passkeys in our words."""

import hashlib
from typing import Any

from allauth.mfa import app_settings as mfa_settings
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import forms as base_forms
from allauth.mfa.models import Authenticator
from allauth.mfa.totp import forms as totp_forms
from allauth.mfa.webauthn import forms as webauthn_forms
from allauth.socialaccount import forms as social_forms
from django import forms
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.forms import PlainWords
from accounts.models import Sensitive
from accounts.signin.factors import PASSKEY_NAME_LENGTH
from keys.pasted import refuse_key

CODE_LABEL = gettext_lazy("Code")
WINDOW_SECONDS = (2 * mfa_settings.TOTP_TOLERANCE + 1) * mfa_settings.TOTP_PERIOD

WRONG = (ValidationError, AttributeError, KeyError, TypeError, ValueError)
"""What reading a made-up credential raises."""


def take_once(person: Any, code: str) -> None:
    """Refuse a code of an app that was taken before.

    allauth remembers a code for one period; with a tolerance it is valid for several, so it is remembered for all of them.
    """
    digest = hashlib.sha256(f"{person.pk} {''.join(filter(str.isdigit, code))}".encode()).hexdigest()
    if not cache.add(f"second-factor-code:{digest}", 1, timeout=WINDOW_SECONDS):
        raise get_adapter().validation_error("incorrect_code")


class _Code(PlainWords):
    """A code of the app or a recovery code, taken once."""

    fields: dict[str, forms.Field]
    user: Any
    authenticator: Authenticator
    labels = {"code": CODE_LABEL}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["code"]
        field.max_length = 40  # type: ignore[attr-defined]
        field.widget.attrs |= {"inputmode": "numeric", "autofocus": True, "maxlength": 40, "spellcheck": "false"}

    def clean_code(self) -> str:
        """Check the code, with allauth's limit on guessing."""
        code: str = super().clean_code()  # type: ignore[misc]
        if self.authenticator.type == Authenticator.Type.TOTP:
            take_once(self.user, code)
        return code


class CodeForm(_Code, base_forms.AuthenticateForm):
    """The code after the password."""


class CodeAgainForm(_Code, base_forms.ReauthenticateForm):
    """A code to confirm that it is still the same person."""


class SetUpAppForm(PlainWords, totp_forms.ActivateTOTPForm):
    """The first code of an app proves that it has the seed."""

    labels = {"code": gettext_lazy("Code that the app shows")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs |= {"inputmode": "numeric", "maxlength": 12}

    def clean_code(self) -> str:
        """Check the code; it signs nobody in afterwards."""
        code = str(super().clean_code())
        take_once(self.user, code)
        return code


class _PasskeyName(PlainWords):
    """What a person calls a passkey."""

    fields: dict[str, forms.Field]
    labels = {"name": gettext_lazy("Name"), "passwordless": gettext_lazy("Sign in with it alone")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name = self.fields["name"]
        name.required = True
        name.widget.attrs |= {"maxlength": PASSKEY_NAME_LENGTH, "autocomplete": "off"}
        name.help_text = _("Such as “Work laptop” or “Blue security key”.")

    def clean_name(self) -> str:
        """Refuse names that cannot be read, that are too long, or that hold a key."""
        cleaned = self.cleaned_data["name"]  # type: ignore[attr-defined]
        name = " ".join(str(cleaned).split())
        if not name.isprintable() or len(name) > PASSKEY_NAME_LENGTH:
            raise ValidationError(
                _("Choose a name of at most %(number)d characters that can be shown."),
                params={"number": PASSKEY_NAME_LENGTH},
            )
        refuse_key(name)
        return name


class _Credential(forms.JSONField):
    """What a browser says of a passkey."""

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> Any:
        """Refuse what is too deep, or has numbers too long, to be read at all like other nonsense."""
        try:
            return super().to_python(value)
        except (RecursionError, ValueError):
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Show what was sent as it was, without reading it again."""
        return InvalidJSONInput(data or "")


class _Passkey(forms.Form):
    """What a passkey signed: whatever is wrong with it, the answer is the same."""

    credential = _Credential()

    def clean_credential(self) -> Any:
        """Check it; JSON of another shape is as wrong as a signature."""
        try:
            if not isinstance(self.cleaned_data["credential"], dict):
                raise ValidationError("")
            return super().clean_credential()  # type: ignore[misc]
        except WRONG as error:
            if getattr(error, "code", None) == "too_many_login_attempts":
                raise
            raise ValidationError(_("This passkey was not accepted here.")) from None


class AddPasskeyForm(_PasskeyName, webauthn_forms.AddWebAuthnForm):
    """Name a new passkey; the browser adds the credential."""

    credential = _Credential()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        passwordless = self.fields["passwordless"]
        passwordless.initial = True
        passwordless.help_text = _(
            "The device then checks that it is you, by fingerprint, face or PIN. Without this, the passkey is asked for after the password."
        )

    def clean(self) -> dict[str, Any]:
        """Check the credential; JSON of another shape is as wrong as a signature."""
        credential = self.cleaned_data.get("credential")
        try:
            if credential is not None and not isinstance(credential, dict):
                raise ValidationError("")
            return dict(super().clean())
        except WRONG:
            raise ValidationError(_("The browser made no passkey that can be used here. Try again.")) from None


class RenamePasskeyForm(_PasskeyName, webauthn_forms.EditWebAuthnForm):
    """Another name for a passkey."""


class PasskeySignInForm(_Passkey, webauthn_forms.LoginWebAuthnForm):
    """Sign in with a passkey alone."""


class PasskeyForm(_Passkey, webauthn_forms.AuthenticateWebAuthnForm):
    """A passkey after the password."""


class PasskeyAgainForm(_Passkey, webauthn_forms.ReauthenticateWebAuthnForm):
    """A passkey to confirm that it is still the same person."""


class FirstSignInForm(PlainWords, social_forms.SignupForm):
    """What a person who comes from the company's sign-in for the first time is asked: the organisation."""


class SignInPolicyForm(forms.Form):
    """What an organisation asks of its members' sign-in; `seen` is what the form was made from."""

    requires_second_factor = forms.BooleanField(
        required=False,
        label=gettext_lazy("Members need a second factor"),
        help_text=gettext_lazy(
            "Whoever has none sees the page that helps to set one up, and nothing else of this organisation, from their next click on."
        ),
    )
    asks_again_for = forms.MultipleChoiceField(
        required=False,
        choices=Sensitive,
        widget=forms.CheckboxSelectMultiple,
        label=gettext_lazy("Ask again who it is before"),
    )
    seen = forms.JSONField(widget=forms.HiddenInput)
