"""The mail of an invitation, with the only copy of its link."""

import logging
from smtplib import SMTPException

from django.conf import settings
from django.contrib import messages
from django.core import mail
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import Invitation

log = logging.getLogger("latchkey.mail")


def send(request: HttpRequest, invitation: Invitation, token: str) -> None:
    """Send the link; call it after the commit. Where the mail server refuses, the person reads that it did not leave."""
    context = {
        "invitation": invitation,
        "link": request.build_absolute_uri(reverse("accounts:join", args=[token])),
        "support_email": settings.SUPPORT_EMAIL,
    }
    body = render_to_string("mail/invitation.txt", context).strip() + "\n"
    subject = " ".join(f"Join {invitation.organization} at Latchkey".split())
    try:
        mail.EmailMessage(subject, body, to=[invitation.email]).send()
    except (OSError, SMTPException):
        log.exception("The invitation %s was not sent.", invitation.public_id)
        messages.warning(request, "The mail could not be sent. Send the invitation again in a while.")
