"""What allauth sends goes through the outbox too: in the transaction, and never by a page that waits for a mail server."""

from collections.abc import Sequence
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from notices import outbox


class OutboxBackend(BaseEmailBackend):
    """Keep each mail as a letter instead of sending it."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write one letter per reader."""
        for message in email_messages:
            alternatives: list[Any] = getattr(message, "alternatives", [])
            html = next((str(part[0]) for part in alternatives if part[1] == "text/html"), "")
            for address in message.recipients():
                outbox.keep(to=address, subject=str(message.subject), text=str(message.body), html=html)
        return len(email_messages)
