"""Second factors: who has one, how their secrets are stored, what is left of the recovery codes."""

import base64
from dataclasses import dataclass
from typing import ClassVar, TypedDict

from allauth.mfa import app_settings as mfa_settings
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils.crypto import salted_hmac
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.models import AuditEvent, User
from keys import vault
from keys.refusals import Refusal

Kind = Authenticator.Type
COUNTS_AS_SECOND = (Kind.TOTP, Kind.WEBAUTHN)
PASSKEY_NAME_LENGTH = 60


class _Place(TypedDict):
    organization: str
    key: str
    number: int


_PLACE: _Place = {"organization": "people", "key": "second factors", "number": 0}
"""Where the vault seals these secrets: under a key of their own, which opens no API key."""


class FactorAdapter(DefaultMFAAdapter):
    """The seam that allauth leaves: our words, and secrets that are sealed at rest."""

    error_messages: ClassVar[dict[str, str | Promise]] = {
        **DefaultMFAAdapter.error_messages,
        "cannot_delete_authenticator": gettext_lazy("This second factor cannot be removed."),
        "cannot_generate_recovery_codes": gettext_lazy("Recovery codes come with a second factor: set one up first."),
        "incorrect_code": gettext_lazy("This code is wrong, or it was used already."),
    }

    def encrypt(self, text: str) -> str:
        """Seal the seed of an app or of recovery codes before it is stored."""
        return base64.b64encode(vault.seal(text, **_PLACE)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Open a sealed seed. Raises keys.vault.SealError."""
        return vault.open_sealed(base64.b64decode(encrypted_text), **_PLACE)

    def generate_authenticator_name(self, user: User, type: str) -> str:
        """Propose a name for a new passkey."""
        number = Authenticator.objects.filter(user=user, type=type).count() + 1
        return _("Passkey") if number == 1 else _("Passkey %(number)d") % {"number": number}


@dataclass(frozen=True, slots=True)
class RecoveryCodes:
    """How many recovery codes still work."""

    left: int
    total: int


def second_factors(person: User) -> QuerySet[Authenticator]:
    """Return what makes signing in take more than the password: an authenticator app, passkeys."""
    return Authenticator.objects.filter(user=person, type__in=COUNTS_AS_SECOND)


def has_second_factor(person: User) -> bool:
    """Whether signing in takes more than the password."""
    return second_factors(person).exists()


def kinds_of(person: User) -> tuple[str, ...]:
    """Return how many authenticator apps, passkeys and sets of recovery codes a person has, in words."""
    found = Authenticator.objects.filter(user=person).values_list("type").annotate(number=Count("pk")).order_by("type")
    return tuple(_counted(kind, number) for kind, number in found)


def _counted(kind: str, number: int) -> str:
    words = {
        Kind.TOTP: ngettext("%(number)d authenticator app", "%(number)d authenticator apps", number),
        Kind.WEBAUTHN: ngettext("%(number)d passkey", "%(number)d passkeys", number),
        Kind.RECOVERY_CODES: ngettext("%(number)d set of recovery codes", "%(number)d sets of recovery codes", number),
    }
    return words[kind] % {"number": number}


def reset(person: User, *, by: User, reason: str) -> bool:
    """Take every second factor off a person who has lost them, and say whether there was one; the password stays.

    Raises Refusal where somebody who is no superuser would do that to staff.
    """
    if (person.is_staff or person.is_superuser) and not by.is_superuser:
        raise Refusal(_("Superusers alone take the second factor off staff."))
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=person.pk)
        if not Authenticator.objects.filter(user=person).delete()[0]:
            return False
        told = {"reason": reason}
        AuditEvent.record("second_factors.reset", organization=None, actor=by, target=person, after=told, as_staff=True)
    return True


def recovery_codes(authenticator: Authenticator) -> RecoveryCodes:
    """Count what is left without opening the seed."""
    total = mfa_settings.RECOVERY_CODE_COUNT
    return RecoveryCodes(total - int(authenticator.data["used_mask"]).bit_count(), total)


def public_id(passkey: Authenticator) -> str:
    """Return how addresses name a passkey: nothing that counts how many there are."""
    return salted_hmac("accounts.signin.passkey", str(passkey.pk), algorithm="sha256").hexdigest()[:20]
