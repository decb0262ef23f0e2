"""Mails of people's own accounts are written as text; here they get the look that notices have."""

import re
from dataclasses import dataclass

from django.conf import settings
from django.template.loader import render_to_string


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph, and the link that stood alone in its last line."""

    text: str
    link: str = ""


def html_of(text: str, *, subject: str, heading: str, link: str = "") -> str:
    """Return the HTML of a mail whose last paragraph is its footer.

    Only `link` becomes one: a mail may quote what strangers wrote, such as the name of their browser.
    """
    *paragraphs, footer = re.split(r"\n\s*\n", text.strip())
    context = {
        "subject": subject,
        "heading": heading,
        "paragraphs": [_read(paragraph.strip(), link) for paragraph in paragraphs],
        "footer": footer.strip(),
        "dashboard_url": settings.DASHBOARD_URL,
    }
    return render_to_string("notices/mail/written.html", context)


def _read(text: str, link: str) -> Paragraph:
    if link and text.endswith(link):
        return Paragraph(text.removesuffix(link).strip(), link)
    return Paragraph(text)
