"""What people send about organisations, members and invitations."""

from typing import Any

from django import forms
from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.forms import EMAIL_LENGTH, HELP
from accounts.models import Membership, Organization, Role, User
from dashboard.fields import NameField, refuse_address
from keys.forms import ActionForm
from keys.pasted import refuse_key


class NameForm(ActionForm):
    """The name of an organisation."""

    name = NameField(
        label=gettext_lazy("Name"),
        max_length=80,
        validators=[refuse_key, refuse_address],
        help_text=gettext_lazy("The company or project that the keys belong to."),
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )


class OwnNameForm(ActionForm):
    """The name of a person, as they write it."""

    name = NameField(
        label=gettext_lazy("Name"),
        max_length=150,
        validators=[refuse_key],
        help_text=gettext_lazy("Members of your organisations see it, also beside what you did."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )


class DeleteForm(ActionForm):
    """The name of the organisation once more."""

    name = forms.CharField(
        max_length=80,
        label=gettext_lazy("Name of the organisation"),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.organization = organization

    def clean_name(self) -> str:
        """Compare; white space at the ends does not matter."""
        name = str(self.cleaned_data["name"]).strip()
        if name != self.organization.name.strip():
            raise ValidationError(_("Type the organisation's name as it stands above."))
        return name


class MemberField(forms.ModelChoiceField):
    """Choose among members."""

    def label_from_instance(self, obj: Any) -> str:
        """Say who it is."""
        return f"{obj.user.label} ({obj.user.email}), {obj.said_role}"


class HandOverForm(ActionForm):
    """Who is the owner from now on."""

    member = MemberField(
        Membership.objects.none(), label=gettext_lazy("New owner"), empty_label=None, widget=forms.RadioSelect
    )

    def __init__(self, *args: Any, membership: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = membership.organization.memberships.filter(user__is_active=True).exclude(pk=membership.pk)
        self.fields["member"].queryset = others.select_related("user")  # type: ignore[attr-defined]


ROLES_IN_WORDS = {
    Role.OWNER: gettext_lazy("Owner: everything, also other owners, handing over and deleting the organisation"),
    Role.ADMIN: gettext_lazy("Admin: keys, members and the organisation's name"),
    Role.DEVELOPER: gettext_lazy("Developer: creates, copies and changes keys"),
    Role.VIEWER: gettext_lazy("Viewer: looks at keys and analytics, copies and changes nothing"),
}


class RoleForm(ActionForm):
    """A role; only owners give the role of an owner."""

    role = forms.ChoiceField(label=gettext_lazy("Role"), widget=forms.RadioSelect, initial=Role.DEVELOPER)

    def __init__(self, *args: Any, giver: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = [role for role in Role if role != Role.OWNER or giver == Role.OWNER]
        self.fields["role"].choices = [(role.value, ROLES_IN_WORDS[role]) for role in offered]  # type: ignore[attr-defined]


class InviteForm(RoleForm):
    """Whom to invite, with which role."""

    email = forms.EmailField(
        label=gettext_lazy("E-mail"),
        max_length=EMAIL_LENGTH,
        help_text=gettext_lazy("The link works for this address only, for 7 days."),
        widget=forms.EmailInput(attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}),
    )
    field_order = ("token", "email", "role")


class JoinForm(forms.Form):
    """Name and password of a person who had no account; the link of the mail has proven the address."""

    first_name = NameField(
        label=gettext_lazy("Name"),
        max_length=150,
        required=False,
        validators=[refuse_key, refuse_address],
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        help_text=HELP,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    def clean_password(self) -> str:
        """Hold it against the same rules as every other new password."""
        password = str(self.cleaned_data["password"])
        password_validation.validate_password(password, User(email=self.email))
        return password
