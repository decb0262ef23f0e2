"""What people send about keys."""

import datetime as dt
import uuid
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import KeyPolicy, Organization
from dashboard import words
from dashboard.fields import NameField
from keys import domains, ends
from keys.models import ApiKey, BillingType, Product
from keys.models.qps_request import MAX_QPS
from keys.pasted import refuse_key

DELAYS_HOURS = (0, 1, 3, 24, 48, 72)
OTHER_TIME = "until"


class ActionForm(forms.Form):
    """A form that acts once (`token`) and on the state that it was made from (`version`)."""

    token = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    made_in = forms.CharField(widget=forms.HiddenInput, required=False)
    """The organisation that the page was of, where its address names none: another tab may have switched since."""

    def __init__(
        self, *args: Any, key: ApiKey | None = None, organization: Organization | None = None, **kwargs: Any
    ) -> None:
        self.key, self.acts_in = key, organization
        super().__init__(*args, **kwargs)
        if organization is None:
            del self.fields["made_in"]
        else:
            self.fields["made_in"].initial = organization.public_id
        if key is None:
            del self.fields["version"]
        else:
            self.fields["version"].required = True
            self.fields["version"].initial = key.version
        for field in self.fields.values():
            if not isinstance(
                field.widget, (forms.HiddenInput, forms.RadioSelect, forms.CheckboxSelectMultiple, forms.Select)
            ):
                field.widget.attrs["class"] = "input"

    def clean_made_in(self) -> str:
        """Refuse to act in an organisation that is not the one the page was of."""
        made_in = str(self.cleaned_data["made_in"])
        if self.acts_in is not None and made_in and made_in != self.acts_in.public_id:
            message = gettext(
                "You have switched to %(organization)s since this page was opened, and nothing was done. "
                "Switch back, or open it again."
            )
            self.add_error(None, message % {"organization": self.acts_in})
        return made_in


class DomainsField(forms.CharField):
    """Domains, separated by commas, spaces or new lines; cleans to a list."""

    widget = forms.Textarea

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label=_("Allowed domains"),
            required=False,
            validators=[refuse_key],
            max_length=20_000,
            help_text=_(
                "One per line or separated by commas, such as example.com, *.example.com or localhost. Empty: any domain. "
                "Browsers say where a page comes from, other programs can claim anything: this is hygiene, not authentication."
            ),
            widget=forms.Textarea(
                attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}
            ),
            **kwargs,
        )

    def clean(self, value: Any) -> list[str]:
        """Return the domains as they are stored. The message names the wrong entry."""
        try:
            found = domains.read_list(super().clean(value) or "")
        except domains.DomainError as error:
            raise ValidationError(gettext(error.why) % {"entry": error.entry}) from None
        if len(found) > 200:
            raise ValidationError(gettext("A key can have 200 domains."))
        return found

    def prepare_value(self, value: Any) -> Any:
        """Show a list one per line."""
        return "\n".join(value) if isinstance(value, (list, tuple)) else value


class KeyForm(ActionForm):
    """Create a key, or edit one."""

    name = NameField(
        label=_("Name"),
        max_length=80,
        validators=[refuse_key],
        help_text=_("What the key is for, such as “Web shop, production”."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    billing_type = forms.ChoiceField(label=_("Billing type"), widget=forms.RadioSelect)
    products = forms.ModelMultipleChoiceField(
        Product.objects.none(),
        label=_("Products"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Requests to other products are refused."),
        error_messages={"required": _("Choose at least one product.")},
    )
    allowed_domains = DomainsField()
    ends_on = forms.DateField(
        label=_("End date"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def __init__(self, *args: Any, organization: Organization, key: ApiKey | None = None, **kwargs: Any) -> None:
        super().__init__(*args, key=key, organization=None if key else organization, **kwargs)
        self.organization = organization
        choosable = Product.objects.active()
        products = self.fields["products"]
        if key is None:
            types = BillingType.of_plan(organization.plan)
            self.fields["billing_type"].choices = [(kind.value, kind.label) for kind in types]  # type: ignore[attr-defined]
            self.fields["billing_type"].initial = types[0]
        else:
            del self.fields["billing_type"]
            assigned = list(key.products.values_list("pk", flat=True))
            choosable |= Product.objects.filter(pk__in=assigned)
            shown: dict[str, Any] = {"name": key.name, "products": assigned, "allowed_domains": key.allowed_domains}
            if key.expires_at:
                shown["ends_on"] = ends.last_day(key.expires_at, organization.zone)
            self.initial = {**shown, **self.initial}
        products.queryset = choosable.distinct()  # type: ignore[attr-defined]
        self._offer_end()

    def _offer_end(self) -> None:
        """Say which end dates there are; a new key gets the latest one where the organisation wants one."""
        made_at = self.key.current_secret.created_at if self.key else timezone.now()
        self.today = timezone.now().astimezone(self.organization.zone).date()
        self.latest = ends.latest(self.organization, made_at)
        field = self.fields["ends_on"]
        said = [gettext("The last day on which the key works, in %(zone)s.") % {"zone": self.organization.time_zone}]
        said.append(gettext("Empty: no end.") if self.latest is None else self._allowed())
        field.help_text = " ".join(said)
        field.widget.attrs["min"] = min(self.today, self.initial.get("ends_on", self.today)).isoformat()
        if self.latest is None:
            return
        if self.key is None:
            field.required, field.initial = True, self.latest

    def _allowed(self) -> str:
        told: dict[str, Any] = {"days": self.organization.key_life_days}
        if self.latest and self.latest >= self.today:
            text = gettext("Your organisation lets a key work %(days)s days: until %(date)s at the latest.")
            return text % (told | {"date": words.date(self.latest)})
        return (
            gettext("Your organisation lets a key work %(days)s days: rotate it first, then choose its end date.")
            % told
        )

    def clean_ends_on(self) -> dt.date | None:
        """Refuse days that are over, and later ones than the organisation allows. A day that stays as it was is not judged."""
        day: dt.date | None = self.cleaned_data["ends_on"]
        if day == self.initial.get("ends_on") and self.key:
            return day
        if day is not None and not self.today <= day < ends.NEVER:
            raise ValidationError(
                gettext("This day is over.") if day < self.today else gettext("This is too far away.")
            )
        if self.latest is not None and (day is None or day > self.latest):
            raise ValidationError(self._allowed())
        return day

    def clean(self) -> dict[str, Any]:
        """Add `expires_at`, the moment after the last day; to the microsecond as it was where the day is the same."""
        cleaned = super().clean() or {}
        if "ends_on" in cleaned:
            day = cleaned["ends_on"]
            is_same = self.key is not None and day == self.initial.get("ends_on")
            cleaned["expires_at"] = (
                self.key.expires_at if self.key and is_same else day and ends.end_of(day, self.organization.zone)
            )
        return cleaned


class RotateForm(ActionForm):
    """When the old string stops."""

    delay = forms.ChoiceField(choices=[(str(hours), str(hours)) for hours in DELAYS_HOURS] + [(OTHER_TIME, OTHER_TIME)])
    until = forms.DateTimeField(
        required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    )

    def clean(self) -> dict[str, Any]:
        """Add `wait`, how long the old string works."""
        cleaned = super().clean() or {}
        if "delay" not in cleaned or "until" not in cleaned:
            return cleaned
        if cleaned["delay"] != OTHER_TIME:
            cleaned["wait"] = dt.timedelta(hours=int(cleaned["delay"]))
            return cleaned
        until = cleaned["until"]
        if until is None:
            self.add_error("until", gettext("Say until when the old string works."))
        elif not dt.timedelta(0) < until - timezone.now() <= dt.timedelta(days=settings.GRACE_MAX_DAYS):
            self.add_error(
                "until", gettext("Choose a time in the next %(days)s days.") % {"days": settings.GRACE_MAX_DAYS}
            )
        else:
            cleaned["wait"] = until - timezone.now()
        return cleaned


class ExtendForm(RotateForm):
    """Let the old string work longer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["delay"].choices = self.fields["delay"].choices[1:]  # type: ignore[attr-defined]


class DeleteForm(ActionForm):
    """Type the name of a key that is in use."""

    name = forms.CharField(
        max_length=80,
        label=_("Name of the key"),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": _("Type the key's name as it stands above.")},
    )

    def __init__(self, *args: Any, key: ApiKey, **kwargs: Any) -> None:
        super().__init__(*args, key=key, **kwargs)
        if not key.is_in_use:
            del self.fields["name"]

    def clean_name(self) -> str:
        """Compare with the key's name; white space at the ends does not matter."""
        name = str(self.cleaned_data["name"]).strip()
        if self.key and name != self.key.name.strip():
            raise ValidationError(gettext("Type the key's name as it stands above."))
        return name


class DisableForm(ActionForm):
    """Why a key is disabled, if anybody should know."""

    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=300,
        validators=[refuse_key],
        help_text=_("Everybody in your organisation reads this beside the key."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class UndeleteForm(ActionForm):
    """Whether a key comes back with a new string or with its old one."""

    string = forms.ChoiceField(choices=[("new", "new"), ("old", "old")], initial="new")

    def __init__(self, *args: Any, key: ApiKey, **kwargs: Any) -> None:
        super().__init__(*args, key=key, **kwargs)
        if not key.may_use_old_string:
            self.fields["string"].choices = [("new", "new")]  # type: ignore[attr-defined]


class PolicyForm(forms.Form):
    """What an organisation decides about all its keys, and the policy that the form was made from."""

    key_life_days = forms.IntegerField(
        label=_("Longest life of a key, in days"),
        required=False,
        min_value=1,
        max_value=3650,
        widget=forms.NumberInput(attrs={"class": "input", "inputmode": "numeric"}),
        help_text=_("Counted from when the key is created or rotated. Empty: keys need no end date."),
    )
    shows_secrets_once = forms.BooleanField(
        label=_("Show a key only once, when it is created or rotated"),
        required=False,
        help_text=_("Nobody can copy a key later, and no copy of new keys is kept. A lost key is rotated."),
    )
    seen_days = forms.IntegerField(required=False, widget=forms.HiddenInput)
    seen_once = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: QueryDict | None = None, *, policy: KeyPolicy) -> None:
        days, once = policy.key_life_days, policy.shows_secrets_once
        shown = {"key_life_days": days, "shows_secrets_once": once, "seen_days": days, "seen_once": once}
        super().__init__(data, initial=shown)

    @property
    def seen(self) -> KeyPolicy:
        """The policy when the form was made."""
        return KeyPolicy(self.cleaned_data["seen_days"], self.cleaned_data["seen_once"])

    @property
    def wanted(self) -> KeyPolicy:
        """The policy that is asked for."""
        return KeyPolicy(self.cleaned_data["key_life_days"], self.cleaned_data["shows_secrets_once"])


class QpsForm(ActionForm):
    """Ask for another limit of one product."""

    product = forms.ModelChoiceField(Product.objects.none(), label=_("Product"), empty_label=None)
    requested = forms.IntegerField(label=_("Requested QPS"), min_value=1, max_value=MAX_QPS)
    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        validators=[refuse_key],
        help_text=_("What the limit is for, and from when. The provider reads this."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, key: ApiKey, **kwargs: Any) -> None:
        super().__init__(*args, key=key, **kwargs)
        del self.fields["version"]
        self.fields["product"].queryset = key.products.all()  # type: ignore[attr-defined]
        if "requested" in self.initial:  # a limit that was filled in: what is left to say is why
            self.fields["reason"].widget.attrs["autofocus"] = True


class ConfirmForm(ActionForm):
    """Nothing to fill in: the state that was seen, once."""
