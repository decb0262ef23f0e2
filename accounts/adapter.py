"""How allauth speaks and acts here: our words, and nothing that changes by GET."""

from typing import Any, ClassVar, cast
from urllib.parse import urlencode, urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import security_events
from accounts.models import User
from accounts.requests import PersonRequest
from accounts.signin import devices, recent
from dashboard import languages
from keys.queries import first_key_of
from notices import dress
from notices.backend import OutboxBackend


class AccountAdapter(DefaultAccountAdapter):
    """The seam that allauth leaves for a project."""

    error_messages: ClassVar[dict[str, str | Promise]] = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": gettext_lazy("This account is closed."),
        "duplicate_email": gettext_lazy("This is your address already."),
        "email_password_mismatch": gettext_lazy("Address and password do not match."),
        "enter_current_password": gettext_lazy("This is not your current password."),
        "incorrect_password": gettext_lazy("This is not your password."),
        "invalid_password_reset": gettext_lazy("This link has expired or was used before."),
        "rate_limited": gettext_lazy("Too many attempts. Wait a minute, then try again."),
        "too_many_login_attempts": gettext_lazy(
            "Too many attempts with this address. Wait five minutes, then try again."
        ),
    }

    def new_user(self, request: HttpRequest) -> User:
        """Have a new person go on in the language in which they register, also in mails."""
        return User(language=languages.current())

    def render_mail(self, prefix: str, email: str, context: dict[str, Any], **kwargs: Any) -> EmailMessage:
        """Write in the reader's language and through the outbox: no page waits for a mail server or fails with it.

        Who has chosen no language, or has no account, is written to in that of the request: mostly it is theirs.
        Links lead to the dashboard's own address: the name under which it was called is whatever who asked has sent.
        """
        place = {name: _on_dashboard(url) for name, url in context.items() if name.endswith("_url")}
        place |= {"dashboard_url": settings.DASHBOARD_URL, "domain": urlsplit(settings.DASHBOARD_URL).netloc}
        reader = context.get("user") or User.objects.filter(email__iexact=email).first()
        with translation.override(languages.of(reader, otherwise=languages.current())):
            message = cast(EmailMultiAlternatives, super().render_mail(prefix, email, context | place, **kwargs))
            message.attach_alternative(self._dressed(message, context | place), "text/html")
        message.connection = OutboxBackend()
        return message

    def _dressed(self, message: EmailMessage, context: dict[str, Any]) -> str:
        """Return the mail in the look that mails of notices have."""
        links = (context.get(name) for name in ("activate_url", "password_reset_url", "signup_url"))
        subject = str(message.subject)
        heading = subject.removeprefix(self.format_email_subject(""))
        return dress.html_of(str(message.body), subject=subject, heading=heading, link=next(filter(None, links), ""))

    def send_notification_mail(self, template_prefix: str, *args: Any, **kwargs: Any) -> None:
        """Leave second factors to `security_events`, which tells of them by a notice in the transaction."""
        if not template_prefix.startswith("mfa/"):
            super().send_notification_mail(template_prefix, *args, **kwargs)

    def get_login_redirect_url(self, request: PersonRequest) -> str:
        """Lead the provider's people, who belong to no customer, to the support desk."""
        if request.user.is_staff and not request.user.memberships.exists():
            return resolve_url("support:search")
        return str(super().get_login_redirect_url(request))

    def get_signup_redirect_url(self, request: PersonRequest) -> str:
        """Lead whoever has just registered from their first key to its first request."""
        key = first_key_of(request.user)
        return resolve_url("keys:start", key.public_id) if key else self.get_login_redirect_url(request)

    def get_email_verification_redirect_url(self, email_address: EmailAddress) -> str:
        """Lead whoever confirms in another browser, and has to sign in there, from the sign-in to their first request."""
        url = resolve_url(super().get_email_verification_redirect_url(email_address))
        key = None if self.request.user.is_authenticated else first_key_of(email_address.user)
        return f"{url}?{urlencode({'next': resolve_url('keys:start', key.public_id)})}" if key else url

    def logout(self, request: HttpRequest) -> None:
        """Sign out, but never by following a link.

        allauth signs out whoever opens another person's confirmation or reset link. Here opening a link changes
        nothing; the POST that uses it signs the other person out.
        """
        if request.method not in {"GET", "HEAD", "OPTIONS"}:
            super().logout(request)

    def login(self, request: Any, user: User) -> None:
        """Sign in; note whether this person ever did before."""
        request.is_first_sign_in = user.last_login is None
        super().login(request, user)

    def post_login(self, request: Any, user: User, **told: Any) -> HttpResponse:
        """Tell of a device that is new for this person, and have the browser remember them."""
        response = super().post_login(request, user, **told)
        security_events.signed_in(request, user, is_first=request.is_first_sign_in)
        devices.remember(request, user, response)
        return response

    def get_reauthentication_methods(self, user: User) -> list[dict[str, Any]]:
        """Add single sign-on for people who have nothing else to confirm with."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if not methods and SocialAccount.objects.filter(user_id=user.pk).exists():
            words = _("Use the sign-in of %(provider)s") % {"provider": settings.OIDC_NAME}
            methods = [
                {"id": recent.AT_PROVIDER, "description": words, "url": resolve_url("confirm_by_single_sign_on")}
            ]
        return methods


def _on_dashboard(url: str) -> str:
    return settings.DASHBOARD_URL + urlsplit(url).path
