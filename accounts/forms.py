"""The forms of allauth in our words: labels, no placeholders, one sentence of help."""

import time
from typing import Any

from allauth.account import forms as allauth_forms
from django import forms
from django.conf import settings
from django.core.validators import MaxLengthValidator
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext_lazy

from accounts.models import User

EMAIL_LENGTH = User._meta.get_field("email").max_length or 254
HELP = gettext_lazy("At least 10 characters. Not your address, and none of the passwords that everybody uses.")


class PlainWords:
    """Give the fields of an allauth form our words; mixed in before the form."""

    fields: dict[str, forms.Field]
    labels = {
        "login": gettext_lazy("E-mail"),
        "email": gettext_lazy("E-mail"),
        "oldpassword": gettext_lazy("Current password"),
        "password1": gettext_lazy("New password"),
        "password2": gettext_lazy("New password again"),
    }
    helps = {"password1": HELP}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.label = self.labels.get(name, field.label)
            field.widget.attrs.pop("placeholder", None)
            if isinstance(field.widget, forms.PasswordInput):
                field.help_text = self.helps.get(name, "")
            if isinstance(field, forms.EmailField):
                field.widget.attrs |= {"maxlength": EMAIL_LENGTH, "spellcheck": "false", "autocapitalize": "none"}
                field.validators.append(MaxLengthValidator(EMAIL_LENGTH))


class SignInForm(PlainWords, allauth_forms.LoginForm):
    """Address and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].widget.attrs["autocomplete"] = "username"


class RegisterForm(PlainWords, allauth_forms.SignupForm):
    """Address, password and what keys.registration adds."""

    labels = PlainWords.labels | {"password1": gettext_lazy("Password")}

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponseBase | None]:
        """Make person, organisation and first key together or not at all.

        Of two registrations of one address at the same moment, one makes the account; the other is answered like
        every later one, so that nobody learns which addresses are taken, nor by how long the answer takes.
        """
        began_at = time.monotonic()
        try:
            return self._try_save(request)
        finally:
            time.sleep(max(0.0, settings.REGISTRATION_SECONDS - (time.monotonic() - began_at)))

    def _try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponseBase | None]:
        try:
            with transaction.atomic():
                return super().try_save(request)
        except IntegrityError:
            if not User.objects.filter(email__iexact=self.cleaned_data["email"]).exists():
                raise
            self.account_already_exists = True
            return super().try_save(request)


class ChangeAddressForm(PlainWords, allauth_forms.AddEmailForm):
    """The new address; the old one stays until the new one is confirmed."""

    labels = {"email": gettext_lazy("New address")}


class ChangePasswordForm(PlainWords, allauth_forms.ChangePasswordForm):
    """The current password and the new one twice."""


class SetPasswordForm(PlainWords, allauth_forms.SetPasswordForm):
    """A first password, for a person who has none."""


class ResetPasswordForm(PlainWords, allauth_forms.ResetPasswordForm):
    """Where to send the link."""


class NewPasswordForm(PlainWords, allauth_forms.ResetPasswordKeyForm):
    """The new password behind a reset link."""


class ConfirmPasswordForm(PlainWords, allauth_forms.ReauthenticateForm):
    """The password once more, before something that a thief of an open session would do."""
