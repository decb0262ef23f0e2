"""What the tests of admin and support share: requests in the log, staff with few rights, what must never be shown."""

import base64
import datetime as dt

from django.contrib.auth.models import Permission
from django.utils import timezone

from accounts.models import User
from analytics.models import RequestRecord
from keys.models import ApiKey
from tests.factories import UserFactory, string_of


def log_request(
    key: ApiKey | None, *, tracking_id: str = "t-1", outcome: str = "ok", status: int = 200, **fields
) -> RequestRecord:
    """Put one request into the log, as the shipper does."""
    product = key.products.first() if key else None
    details = {
        "at": timezone.now() - dt.timedelta(seconds=4),
        "organization_id": key.organization_id if key else None,
        "key_id": key.pk if key else None,
        "product_id": product.pk if product else 0,
        "secret_number": 1 if key else 0,
        "host": "shop.example",
        "network": "203.0.113.0/24",
        "client": "curl",
    }
    return RequestRecord.objects.create(tracking_id=tracking_id, outcome=outcome, status=status, **details | fields)


def staff_with(*permissions: str, email: str = "tess@latchkey.example") -> User:
    """Return a member of staff who has these permissions, such as `keys.view_apikey`, and no others."""
    user = UserFactory(email=email, is_staff=True)
    for permission in permissions:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return user


def secrets_of(key: ApiKey) -> list[str]:
    """Return every form of a key's strings that no answer may hold."""
    forbidden = []
    for secret in key.secrets.all():
        for raw in (bytes(secret.digest), bytes(secret.sealed or b"")):
            if raw:
                forbidden += [raw.hex(), base64.b64encode(raw).decode(), str(raw)[2:-1]]
    string = string_of(key)
    return [*forbidden, string, string[8:20], string[-16:-4]]


def hint_of(key: ApiKey) -> str:
    """Return what is shown of the current string."""
    return key.current_secret.hint
