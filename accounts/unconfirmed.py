"""People who registered and never confirmed that they read their address."""

import datetime as dt

from allauth.account.models import EmailAddress
from django.db.models import Exists, OuterRef, QuerySet

from accounts.models import Membership, User


def never_came(registered_before: dt.datetime) -> QuerySet[User]:
    """Return those who never signed in, and whose organisations have no other member and no key that was ever used.

    People whom staff made have no address to confirm and stay, as do those who were made inactive.
    """
    addresses = EmailAddress.objects.filter(user=OuterRef("pk"))
    own = Membership.objects.filter(user=OuterRef("pk"))
    beside = Membership.objects.filter(organization__memberships__user=OuterRef("pk")).exclude(user=OuterRef("pk"))
    return User.objects.filter(
        Exists(addresses),
        ~Exists(addresses.filter(verified=True)),
        ~Exists(beside),
        ~Exists(own.filter(organization__keys__last_used_at__isnull=False)),
        date_joined__lt=registered_before,
        last_login=None,
        is_active=True,
        is_staff=False,
        is_superuser=False,
    )
