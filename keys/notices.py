"""Mail about keys."""

from collections.abc import Iterable

from django.conf import settings
from django.core import mail
from django.template.loader import render_to_string

from keys.models import KeyProduct, QpsRequest


def tell_decisions(wishes: Iterable[QpsRequest]) -> None:
    """Send each requester of a decided QPS request a mail, over one connection. Call it after the commit.

    Who has left the organisation, or may no longer sign in, is told nothing.
    """
    told = [message for wish in wishes if (message := _decision(wish))]
    if told:
        mail.get_connection().send_messages(told)


def _decision(wish: QpsRequest) -> mail.EmailMessage | None:
    person = wish.requested_by
    if person is None or not person.is_active:
        return None
    if not person.memberships.filter(organization=wish.key.organization_id).exists():
        return None
    limit = KeyProduct.objects.filter(key=wish.key_id, product=wish.product_id).select_related("product").first()
    body = render_to_string(
        "mail/qps_decided.txt", {"wish": wish, "limit": limit, "support_email": settings.SUPPORT_EMAIL}
    )
    subject = f"QPS request {wish.get_state_display().lower()}: {wish.product} for {wish.key}"
    return mail.EmailMessage(" ".join(subject.split()), body.strip() + "\n", to=[person.email])
