"""How many keys an organisation may have, and make."""

import datetime as dt

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext

from accounts.models import Organization
from dashboard import words
from keys.refusals import Refusal

MONTH = dt.timedelta(days=30)


def make_room(organization: Organization, *, is_new: bool = True) -> None:
    """Lock the organisation, so that no other key is added meanwhile. Raises Refusal when it has as many as it can.

    So many it may also make within a month: deleted ones cost the gateways memory as others do.
    """
    organization.lock()
    most = settings.KEYS_PER_ORGANIZATION
    if organization.keys.kept().count() >= most:
        said = gettext("An organisation can have %(most)s keys. Delete one first.")
        raise Refusal(said % {"most": words.number(most)})
    if is_new and organization.keys.filter(created_at__gt=timezone.now() - MONTH).count() >= most:
        said = gettext("Your organisation made %(most)s keys in the last 30 days. Try again later.")
        raise Refusal(said % {"most": words.number(most)})
