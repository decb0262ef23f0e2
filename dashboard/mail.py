"""Mail in development: kept as files that the page /mail/ shows, and said in the log."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from time import time_ns

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

log = logging.getLogger("latchkey.mail")
SHOWN = 20


def _folder() -> Path:
    folder = Path(settings.DATA_DIR) / "mail"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class DevelopmentBackend(BaseEmailBackend):
    """Keep each mail as a file instead of sending it."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write the mails and log their text, links included."""
        for message in email_messages:
            (_folder() / f"{time_ns()}.eml").write_bytes(message.message().as_bytes())
            log.info("Mail to %s: %s\n%s", ", ".join(message.to), message.subject, message.body)
        return len(email_messages)


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as the development page shows it."""

    to: str
    subject: str
    sent_at: str
    body: str


def latest() -> list[Mail]:
    """Return the last mails, newest first."""
    found = []
    for path in sorted(_folder().glob("*.eml"), reverse=True)[:SHOWN]:
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        part = message.get_body(("plain",))
        found.append(
            Mail(str(message["To"]), str(message["Subject"]), str(message["Date"]), part.get_content() if part else "")
        )
    return found
