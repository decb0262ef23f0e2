"""What people send about alerts."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization
from alerts import webhooks
from alerts.conditions import LEAST_REQUESTS, WINDOWS_MINUTES, Condition
from alerts.models import Alert, Wish
from analytics import queries
from dashboard.fields import NameField
from keys.forms import ActionForm
from keys.models import ApiKey
from keys.pasted import refuse_key

ALL_KEYS = _("All keys")


def minutes(count: int) -> str:
    """`5 minutes`."""
    return ngettext("%(count)s minute", "%(count)s minutes", count) % {"count": count}


class AlertForm(ActionForm):
    """Set an alert with a condition, or edit one: only what the condition asks for is there."""

    name = NameField(
        label=_("Name"),
        max_length=80,
        validators=[refuse_key],
        help_text=_("It becomes the subject of the mail."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scope = forms.ModelChoiceField(
        ApiKey.objects.none(), label=_("Key"), required=False, to_field_name="public_id", empty_label=ALL_KEYS
    )
    threshold = forms.IntegerField(widget=forms.NumberInput(attrs={"inputmode": "numeric"}))
    minutes = forms.TypedChoiceField(
        label=_("Measured over"),
        coerce=int,
        choices=lambda: [(each, minutes(each)) for each in WINDOWS_MINUTES],
        initial=10,
    )
    least_requests = forms.IntegerField(
        label=_("With at least so many requests"),
        min_value=1,
        max_value=10**9,
        initial=LEAST_REQUESTS,
        help_text=_("With fewer requests in that time nothing changes: of three requests one is a third."),
    )
    sends_mail = forms.BooleanField(
        label=_("Mail to owners, admins and developers"),
        required=False,
        initial=True,
        help_text=_("Each of them chooses under “Your mails” when."),
    )
    webhook_url = forms.CharField(
        label=_("Webhook"),
        required=False,
        max_length=500,
        validators=[refuse_key],
        help_text=_(
            "An https:// address on the public internet that takes a signed POST. Its signing secret is shown once."
        ),
        widget=forms.TextInput(attrs={"type": "url", "autocomplete": "off", "spellcheck": "false"}),
    )
    seen = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(
        self, *args: Any, organization: Organization, terms: Condition, alert: Alert | None = None, **kwargs: Any
    ) -> None:
        shown: dict[str, Any] = {"name": str(terms.name), "threshold": terms.proposed}
        if alert is not None:
            names = ("name", "threshold", "minutes", "least_requests", "sends_mail", "webhook_url")
            shown = {name: getattr(alert, name) for name in names}
            shown |= {"seen": alert.version, "scope": alert.key.public_id if alert.key else ""}
        acts_in = None if alert else organization
        super().__init__(*args, organization=acts_in, initial={**shown, **kwargs.pop("initial", {})}, **kwargs)
        self.terms, self.alert = terms, alert
        self._offer_keys(organization)
        threshold = self.fields["threshold"]
        threshold.label = str(terms.ask)
        threshold.validators += [MinValueValidator(1), MaxValueValidator(terms.highest)]
        threshold.widget.attrs |= {"min": 1, "max": terms.highest}
        for name, is_asked in (("minutes", terms.has_window), ("least_requests", terms.has_least)):
            if not is_asked:
                del self.fields[name]

    def _offer_keys(self, organization: Organization) -> None:
        """Offer the keys that were used last; any other of the organisation is taken too, from its own page."""
        field = self.fields["scope"]
        field.queryset = organization.keys.kept()  # type: ignore[attr-defined]
        chosen = field.queryset.filter(public_id=self.initial.get("scope") or "")  # type: ignore[attr-defined]
        offered, _ = queries.key_options(organization, chosen)
        choices = [(key.public_id, key.name) for key in offered if key.deleted_at is None]
        field.widget.choices = [("", ALL_KEYS), *choices]

    def clean_webhook_url(self) -> str:
        """Refuse what no webhook is sent to, as far as the address itself tells."""
        url = str(self.cleaned_data["webhook_url"]).strip()
        if url:
            try:
                webhooks.read_url(url)
            except webhooks.WebhookError as error:
                raise ValidationError(str(error)) from None
        return url

    def clean(self) -> dict[str, Any]:
        """Want at least one way to tell."""
        cleaned = super().clean() or {}
        if not cleaned.get("sends_mail") and not cleaned.get("webhook_url") and "webhook_url" not in self.errors:
            self.add_error("sends_mail", gettext("Choose mail, a webhook, or both."))
        return cleaned

    @property
    def wish(self) -> Wish:
        """What was sent, once it is valid."""
        data = self.cleaned_data
        return Wish(
            name=data["name"],
            condition=self.terms.code,
            key=data["scope"],
            threshold=data["threshold"],
            minutes=data.get("minutes", WINDOWS_MINUTES[1]),
            least_requests=data.get("least_requests", 0),
            sends_mail=data["sends_mail"],
            webhook_url=data["webhook_url"],
        )
