"""How allauth speaks and acts here: our words, and nothing that changes by GET."""

from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from django.core.mail import EmailMessage
from django.http import HttpRequest
from django.shortcuts import resolve_url

from accounts.requests import PersonRequest
from notices.backend import OutboxBackend


class AccountAdapter(DefaultAccountAdapter):
    """The seam that allauth leaves for a project."""

    error_messages: ClassVar[dict[str, str]] = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": "This account is closed.",
        "duplicate_email": "This is your address already.",
        "email_password_mismatch": "Address and password do not match.",
        "enter_current_password": "This is not your current password.",
        "incorrect_password": "This is not your password.",
        "invalid_password_reset": "This link has expired or was used before.",
        "rate_limited": "Too many attempts. Wait a minute, then try again.",
        "too_many_login_attempts": "Too many attempts with this address. Wait five minutes, then try again.",
    }

    def render_mail(self, *args: Any, **kwargs: Any) -> EmailMessage:
        """Have the mail go through the outbox: no page waits for a mail server or fails with it."""
        message: EmailMessage = super().render_mail(*args, **kwargs)
        message.connection = OutboxBackend()
        return message

    def get_login_redirect_url(self, request: PersonRequest) -> str:
        """Lead the provider's people, who belong to no customer, to the support desk."""
        if request.user.is_staff and not request.user.memberships.exists():
            return resolve_url("support:search")
        return str(super().get_login_redirect_url(request))

    def logout(self, request: HttpRequest) -> None:
        """Sign out, but never by following a link.

        allauth signs out whoever opens another person's confirmation or reset link. Here opening a link changes
        nothing; the POST that uses it signs the other person out.
        """
        if request.method not in {"GET", "HEAD", "OPTIONS"}:
            super().logout(request)
